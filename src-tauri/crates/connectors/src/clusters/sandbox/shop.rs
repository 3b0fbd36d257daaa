//! The shop: a seeded generator of realistic events, for trying everything with no cluster.
//!
//! People visit with one of their devices, look at products, fill carts, leave or sign in, and buy; some orders are
//! refunded later by the shop's server. Visits overlap. Some events come twice, some come late, some records are not
//! events at all, and the generator counts each of these.
//!
//! Invariants: the same seed and the same sequence of calls give the same bytes; time is passed in and never read.
//! A damaged record is always an extra one: no order and no identity is lost by it. User numbers are those of
//! [`account`](super::shop_people::account). Everything that grows has a limit.

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde_json::{Value, json};

use super::shop_catalogue::{CAMPAIGNS, COUPONS, LANDINGS, PRODUCTS, REFERRERS};
use super::shop_events::{Cart, Order, Scene, cart_cents, money, product_json, products_json, rfc3339};
use super::shop_people::{
    DAY_MS, Device, Dice, Home, account, device, devices, home, passing_device, person, user_id,
};

/// Visits that go on at the same time.
const VISITS_MAX: usize = 2_000;
/// Orders that wait for their refund.
const REFUNDS_MAX: usize = 5_000;
/// Recent events that can come a second time.
const RECENT_MAX: usize = 256;
/// Times out of a thousand.
const DUPLICATE_PER_MILLE: u64 = 10;
const MALFORMED_PER_MILLE: u64 = 4;
const LATE_PER_MILLE: u64 = 15;
const PASSING_PER_MILLE: u64 = 180;
const REFUND_PER_MILLE: u64 = 70;

/// How a record is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    CutJson,
    NotJson,
    MissingType,
    /// Neither userId nor anonymousId.
    MissingIds,
}

/// What a record is, so that tests can count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Event,
    /// Arrives long after it happened.
    Late,
    /// The bytes of an earlier event again, the same messageId in them.
    Duplicate,
    Malformed(Malformed),
}

/// One record of the events topic, with what goes to the other topics beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShopEvent {
    /// userId, else anonymousId.
    pub key: String,
    pub payload: String,
    /// When it arrived: the record's timestamp.
    pub received_ms: i64,
    pub kind: Kind,
    /// The orders topic's record, keyed by user, when an order was paid or refunded.
    pub order: Option<String>,
    /// The clicks topic's record, keyed by anonymous id, when a page or product was looked at.
    pub click: Option<(String, String)>,
}

/// How many of what came out so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShopCounts {
    /// Records of the events topic, everything below included.
    pub records: u64,
    pub duplicates: u64,
    pub malformed: u64,
    pub late: u64,
    pub orders: u64,
    pub refunds: u64,
    pub clicks: u64,
    pub sign_ups: u64,
    pub sign_ins: u64,
}

/// One step of a visit; each gives one event.
#[derive(Debug, Clone)]
enum Step {
    Landing,
    View(usize),
    Add(usize, i64),
    Cart,
    Identify,
    SignedIn,
    SignedUp,
    Checkout,
    Order,
}

#[derive(Debug)]
struct Visit {
    /// None for somebody who only passes by.
    user_number: Option<u32>,
    device: Device,
    device_key: (u32, u8),
    home: &'static Home,
    signed_in: bool,
    page: (String, &'static str),
    referrer: &'static str,
    campaign: Option<usize>,
    cart: Cart,
    steps: VecDeque<Step>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Shop {
    seed: u64,
    people_max: u32,
    dice: Dice,
    /// By the time of the next step, then by number.
    visits: BTreeMap<(i64, u64), Visit>,
    visit_count: u64,
    /// Devices that somebody has signed in on.
    signed_in: HashSet<(u32, u8)>,
    /// When people first said who they are, in this generator's time.
    signed_up: BTreeMap<u32, i64>,
    refunds: BTreeMap<(i64, u64), Order>,
    recent: VecDeque<ShopEvent>,
    counts: ShopCounts,
}

impl Shop {
    /// A shop with users 1 to `people_max` (at least 10).
    pub fn new(seed: u64, people_max: u32) -> Self {
        Self {
            seed,
            people_max: people_max.max(10),
            dice: Dice::of(seed, "shop", 0),
            visits: BTreeMap::new(),
            visit_count: 0,
            signed_in: HashSet::new(),
            signed_up: BTreeMap::new(),
            refunds: BTreeMap::new(),
            recent: VecDeque::new(),
            counts: ShopCounts::default(),
        }
    }

    /// What came out so far.
    pub fn counts(&self) -> ShopCounts {
        self.counts
    }

    /// Users 1 to this number have an account from the beginning; those above sign up as new customers.
    pub fn accounts(people_max: u32) -> u32 {
        people_max - people_max / 12
    }

    /// `n` records that arrive from `from_ms` to `to_ms`, in order: see [`arrivals`].
    pub fn history(&mut self, from_ms: i64, to_ms: i64, n: usize) -> impl Iterator<Item = ShopEvent> {
        arrivals(self.seed, from_ms, to_ms, n).map(|now_ms| self.next(now_ms))
    }

    /// The next record, which arrives now.
    pub fn next(&mut self, now_ms: i64) -> ShopEvent {
        let event = self
            .repeat(now_ms)
            .or_else(|| self.damage(now_ms))
            .unwrap_or_else(|| self.happen(now_ms));
        self.counts.records += 1;
        event
    }

    /// An earlier event again.
    fn repeat(&mut self, now_ms: i64) -> Option<ShopEvent> {
        if !self.dice.per_mille(DUPLICATE_PER_MILLE) || self.recent.is_empty() {
            return None;
        }
        let at = self.dice.below(self.recent.len() as u64) as usize;
        let earlier = self.recent.get(at)?.clone();
        self.counts.duplicates += 1;
        Some(ShopEvent {
            received_ms: now_ms,
            kind: Kind::Duplicate,
            order: None,
            click: None,
            ..earlier
        })
    }

    /// A record that is no event: made from an earlier one, with a messageId of its own.
    fn damage(&mut self, now_ms: i64) -> Option<ShopEvent> {
        if !self.dice.per_mille(MALFORMED_PER_MILLE) {
            return None;
        }
        let earlier = self.recent.back()?.clone();
        let mut value: Value = serde_json::from_str(&earlier.payload).ok()?;
        value["messageId"] = json!(self.message_id(now_ms));
        let kinds = [
            Malformed::CutJson,
            Malformed::NotJson,
            Malformed::MissingType,
            Malformed::MissingIds,
        ];
        let kind = *self.dice.pick(&kinds);
        let payload = match kind {
            Malformed::CutJson => {
                let whole = value.to_string();
                let mut end = whole.len() / 3 + self.dice.below(whole.len() as u64 / 3) as usize;
                while !whole.is_char_boundary(end) {
                    end -= 1;
                }
                whole[..end].to_owned()
            }
            Malformed::NotJson => format!("<html><body>502 Bad Gateway {}</body></html>", rfc3339(now_ms)),
            Malformed::MissingType => without(value, &["type"]),
            Malformed::MissingIds => without(value, &["userId", "anonymousId"]),
        };
        self.counts.malformed += 1;
        let kind = Kind::Malformed(kind);
        Some(ShopEvent {
            key: earlier.key,
            payload,
            received_ms: now_ms,
            kind,
            order: None,
            click: None,
        })
    }

    /// Something that happens in the shop: a refund that is due, the next step of a visit, or a new visit.
    fn happen(&mut self, now_ms: i64) -> ShopEvent {
        let event = match self.refunds.first_key_value() {
            Some(((due_ms, _), _)) if *due_ms <= now_ms => self
                .refunds
                .pop_first()
                .map(|(_, order)| self.refund(&order, now_ms)),
            _ => None,
        };
        let event = event.unwrap_or_else(|| {
            let due = self
                .visits
                .first_key_value()
                .is_some_and(|((due_ms, _), _)| *due_ms <= now_ms);
            let full = self.visits.len() >= VISITS_MAX;
            let visit = if due || full {
                self.visits.pop_first().map(|(_, visit)| visit)
            } else {
                None
            };
            let visit = visit.unwrap_or_else(|| self.begin());
            self.go_on(visit, now_ms)
        });
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(event.clone());
        event
    }

    fn message_id(&mut self, now_ms: i64) -> String {
        format!("ajs-next-{now_ms}-{}", self.dice.uuid())
    }

    /// Somebody comes. Some people come much more often than most, none more than one time in a hundred of a thousand people.
    fn begin(&mut self) -> Visit {
        self.visit_count += 1;
        let referrer = *self.dice.pick(&REFERRERS);
        let campaign = self
            .dice
            .per_mille(250)
            .then(|| self.dice.below(CAMPAIGNS.len() as u64) as usize);
        let (user_number, device_key, device, home_of) = if self.dice.per_mille(PASSING_PER_MILLE) {
            let device = passing_device(self.seed, self.visit_count);
            // Where a passer-by lives follows from the visit, as if it were a user's number.
            (None, (0, 0), device, home(self.seed ^ 1, self.visit_count as u32))
        } else {
            let unit = self.dice.unit();
            let often = unit * unit.sqrt();
            let rank = (often * f64::from(self.people_max)) as u64;
            let number =
                ((rank * 2_654_435_761 + self.seed % 1_000_003) % u64::from(self.people_max)) as u32 + 1;
            let index = self.dice.below(u64::from(devices(self.seed, number))) as u8;
            (
                Some(number),
                (number, index),
                device(self.seed, number, index),
                home(self.seed, number),
            )
        };
        let signed_in = user_number.is_some() && self.signed_in.contains(&device_key);
        let (path, title) = *self.dice.pick(&LANDINGS);
        let (cart, steps) = self.plan(user_number, signed_in);
        let page = (path.to_owned(), title);
        Visit {
            user_number,
            device,
            device_key,
            home: home_of,
            signed_in,
            page,
            referrer,
            campaign,
            cart,
            steps,
        }
    }

    /// What a visitor will do: the whole visit, and the cart as it will be.
    fn plan(&mut self, user_number: Option<u32>, signed_in: bool) -> (Cart, VecDeque<Step>) {
        let mut cart = Cart::new();
        let mut steps = VecDeque::from([Step::Landing]);
        for _ in 0..self.dice.between(if user_number.is_some() { 1 } else { 0 }, 4) {
            let product = self.dice.below(PRODUCTS.len() as u64) as usize;
            steps.push_back(Step::View(product));
            if self.dice.per_mille(450) && cart.iter().all(|(other, _)| *other != product) {
                let quantity = if self.dice.per_mille(150) {
                    self.dice.between(2, 3)
                } else {
                    1
                };
                cart.push((product, quantity));
                steps.push_back(Step::Add(product, quantity));
            }
        }
        let Some(number) = user_number else {
            return (cart, steps);
        };
        let wants = !cart.is_empty();
        if wants && self.dice.per_mille(750) {
            steps.push_back(Step::Cart);
        }
        let signs_in = !signed_in && self.dice.per_mille(if wants { 700 } else { 150 });
        if signs_in {
            let new = number > Self::accounts(self.people_max) && !self.signed_up.contains_key(&number);
            steps.extend([Step::Identify, if new { Step::SignedUp } else { Step::SignedIn }]);
        }
        if wants && (signed_in || signs_in) && self.dice.per_mille(700) {
            steps.push_back(Step::Checkout);
            if self.dice.per_mille(780) {
                steps.push_back(Step::Order);
            }
        }
        (cart, steps)
    }

    /// Takes the next step of a visit and puts the visit back if there is more to come.
    fn go_on(&mut self, mut visit: Visit, now_ms: i64) -> ShopEvent {
        let step = visit.steps.pop_front().unwrap_or(Step::Landing);
        let can_be_late = matches!(step, Step::View(_) | Step::Add(..)) && visit.device.mobile;
        let late = can_be_late && self.dice.per_mille(LATE_PER_MILLE * 4);
        // Late: the telephone had no network for a minute to a day and a half.
        let late_ms = if late {
            self.dice.between(60_000, 36 * 3_600_000)
        } else {
            0
        };
        let sent_ms = now_ms - self.dice.between(20, 400);
        let happened_ms = sent_ms - self.dice.between(5, 900) - late_ms;
        let message_id = self.message_id(happened_ms);
        let event = self.perform(&mut visit, step, message_id, (happened_ms, sent_ms));
        if late {
            self.counts.late += 1;
        }
        if !visit.steps.is_empty() {
            let due_ms = now_ms + self.dice.between(1_500, 18_000);
            self.visit_count += 1;
            self.visits.insert((due_ms, self.visit_count), visit);
        }
        ShopEvent {
            received_ms: now_ms,
            kind: if late { Kind::Late } else { Kind::Event },
            ..event
        }
    }

    /// Writes the event of one step. The caller sets when it was received and of which kind it is.
    fn perform(
        &mut self,
        visit: &mut Visit,
        step: Step,
        message_id: String,
        (happened_ms, sent_ms): (i64, i64),
    ) -> ShopEvent {
        if let Step::View(index) = step {
            visit.page = (format!("/p/{}", PRODUCTS[index].id), PRODUCTS[index].name);
        }
        if let Step::Identify = step {
            visit.signed_in = true;
            self.signed_in.insert(visit.device_key);
            let number = visit.user_number.unwrap_or_default();
            self.signed_up.entry(number).or_insert(happened_ms);
        }
        let id = visit.user_number.filter(|_| visit.signed_in).map(user_id);
        let scene = Scene {
            message_id,
            user_id: id.as_deref(),
            device: Some(&visit.device),
            home: visit.home,
            happened_ms,
            sent_ms,
            page: Some((&visit.page.0, visit.page.1, visit.referrer)),
            campaign: visit.campaign,
        };
        let (value, order) = self.tell(visit, &step, &scene);
        let click =
            matches!(step, Step::Landing | Step::View(_)).then(|| click(visit, id.as_deref(), happened_ms));
        self.counts.clicks += u64::from(click.is_some());
        let key = id.unwrap_or_else(|| visit.device.anonymous_id.clone());
        ShopEvent {
            key,
            payload: value.to_string(),
            received_ms: 0,
            kind: Kind::Event,
            order,
            click,
        }
    }

    /// The event of one step, and the order's record if it is one.
    fn tell(&mut self, visit: &Visit, step: &Step, scene: &Scene<'_>) -> (Value, Option<String>) {
        let number = visit.user_number.unwrap_or_default();
        let mut order = None;
        let value = match step {
            Step::Landing => scene.page(),
            Step::View(index) => scene.track("Product Viewed", product_json(&PRODUCTS[*index], 1)),
            Step::Add(index, quantity) => {
                scene.track("Product Added", product_json(&PRODUCTS[*index], *quantity))
            }
            Step::Cart => scene.track("Cart Viewed", json!({"products": products_json(&visit.cart)})),
            Step::Identify => {
                let new = self
                    .signed_up
                    .get(&number)
                    .filter(|_| number > Self::accounts(self.people_max));
                let since_ms = new
                    .copied()
                    .unwrap_or_else(|| account(self.seed, number).since_ms);
                scene.identify(&person(self.seed, number), since_ms)
            }
            Step::SignedIn => {
                self.counts.sign_ins += 1;
                scene.track("Signed In", json!({"method": "password"}))
            }
            Step::SignedUp => {
                self.counts.sign_ups += 1;
                scene.track("Signed Up", json!({"method": "email"}))
            }
            Step::Checkout => {
                let properties = json!({
                    "value": money(cart_cents(&visit.cart)),
                    "currency": visit.home.currency,
                    "products": products_json(&visit.cart),
                });
                scene.track("Checkout Started", properties)
            }
            Step::Order => {
                let paid = self.pay(number, visit, scene.happened_ms);
                order = Some(
                    paid.record(&user_id(number), "paid", scene.happened_ms)
                        .to_string(),
                );
                scene.track("Order Completed", paid.properties())
            }
        };
        (value, order)
    }

    /// Makes the order of a visit, and now and then decides on its refund.
    fn pay(&mut self, user_number: u32, visit: &Visit, now_ms: i64) -> Order {
        self.counts.orders += 1;
        let cents = cart_cents(&visit.cart);
        let coupon = self.dice.per_mille(200).then(|| *self.dice.pick(&COUPONS));
        let order = Order {
            order_id: format!("o_{:07}", self.counts.orders),
            user_number,
            cart: visit.cart.clone(),
            coupon,
            discount_cents: if coupon.is_some() { cents / 10 } else { 0 },
            shipping_cents: if cents < 5_000 { 495 } else { 0 },
            currency: visit.home.currency,
        };
        if self.dice.per_mille(REFUND_PER_MILLE) && self.refunds.len() < REFUNDS_MAX {
            // From five seconds to nine days later, short waits more often than long ones.
            let wait_ms = 5_000.0 * (9.0 * DAY_MS as f64 / 5_000.0).powf(self.dice.unit());
            self.refunds
                .insert((now_ms + wait_ms as i64, self.counts.orders), order.clone());
        }
        order
    }

    /// The shop's server says that an order was refunded: there is no device and no anonymous id.
    fn refund(&mut self, order: &Order, now_ms: i64) -> ShopEvent {
        self.counts.refunds += 1;
        let id = user_id(order.user_number);
        let message_id = format!("api-{now_ms}-{}", self.dice.uuid());
        let scene = Scene {
            message_id,
            user_id: Some(&id),
            device: None,
            home: home(self.seed, order.user_number),
            happened_ms: now_ms - 30,
            sent_ms: now_ms - 10,
            page: None,
            campaign: None,
        };
        let payload = scene.track("Order Refunded", order.properties()).to_string();
        let record = order.record(&id, "refunded", now_ms - 30).to_string();
        ShopEvent {
            key: id,
            payload,
            received_ms: now_ms,
            kind: Kind::Event,
            order: Some(record),
            click: None,
        }
    }
}

/// Key and value of a record of the clicks topic.
fn click(visit: &Visit, user_id: Option<&str>, at_ms: i64) -> (String, String) {
    let anonymous_id = visit.device.anonymous_id.clone();
    let value = json!({
        "anonymous_id": anonymous_id,
        "user_id": user_id,
        "path": visit.page.0,
        "referrer": visit.referrer,
        "device": if visit.device.mobile { "mobile" } else { "desktop" },
        "country": visit.home.country,
        "at": rfc3339(at_ms),
    });
    (anonymous_id, value.to_string())
}

fn without(mut value: Value, names: &[&str]) -> String {
    if let Some(object) = value.as_object_mut() {
        for name in names {
            object.remove(*name);
        }
    }
    value.to_string()
}

/// `n` times from `from_ms` to `to_ms`, in order: they come in clumps, as visits do, and where there are at least two
/// days of them more fall into the day than into the night.
pub fn arrivals(seed: u64, from_ms: i64, to_ms: i64, n: usize) -> impl Iterator<Item = i64> {
    const CLUMP: usize = 8;
    let clumps = n.div_ceil(CLUMP).max(1);
    let span_ms = (to_ms - from_ms).max(0) as f64 / clumps as f64;
    let gap_ms_max = (2.0 * span_ms / CLUMP as f64).clamp(1.0, 15_000.0) as i64;
    let has_nights = to_ms - from_ms >= 2 * DAY_MS;
    let mut dice = Dice::of(seed, "arrivals", n as u64);
    let mut now_ms = from_ms;
    (0..n).map(move |index| {
        let even_ms = from_ms + ((index / CLUMP) as f64 * span_ms) as i64;
        let clump_ms = if has_nights { by_day(even_ms) } else { even_ms };
        let gap_ms = if index % CLUMP == 0 {
            0
        } else {
            dice.between(0, gap_ms_max)
        };
        now_ms = (now_ms + gap_ms).max(clump_ms).clamp(from_ms, to_ms);
        now_ms
    })
}

/// Moves an evenly spread time so that more of them fall into the day than into the night (UTC), in the same order.
fn by_day(time_ms: i64) -> i64 {
    use std::f64::consts::TAU;
    let day = DAY_MS as f64;
    let phase = TAU * (time_ms.rem_euclid(DAY_MS) as f64 / day);
    // The slope stays above 0.4, so the order is kept. The densest time is the early evening.
    time_ms + (0.6 * day / TAU * (phase + 1.3).sin()) as i64
}
