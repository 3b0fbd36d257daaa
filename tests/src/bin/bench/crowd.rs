//! The visitors of a shop as a stream of events in the engine's own form: what an audience is evaluated over.
//!
//! People come with one of their devices, look at products, fill carts, sign in and buy; a few come much more often than
//! most, some only pass by and never say who they are, some orders are refunded later. Visits overlap, so that a
//! person's events lie scattered over the stream.
//!
//! Invariant: the same seed and sizes give the same events.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use serde_json::json;
use tailrace_engine::events::{Cell, Event, EventIdentifier, EventKind};

use crate::numbers::Dice;

const DAY_MS: i64 = 86_400_000;
const DEVICES_MAX: u64 = 3;
const PASSING_PER_MILLE: u64 = 180;
const REFUND_PER_MILLE: u64 = 70;
/// How long a visitor looks at something.
const STEP_S: f64 = 10.0;
const PRODUCTS: u64 = 400;
const CATEGORIES: [&str; 6] = ["clothing", "shoes", "camping", "packs", "electronics", "climbing"];
const BRANDS: [&str; 5] = ["Fjell", "Kestrel", "Talus", "Hollow", "Lumen"];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:134.0) Gecko/20100101 Firefox/134.0",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0 Mobile Safari/537.36",
];

/// How many events of how many people, and over which time.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub events: u64,
    pub people: u32,
    pub from_ms: i64,
    pub to_ms: i64,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Landing,
    View(u64),
    Add(u64),
    Cart,
    Identify,
    SignedIn,
    Checkout,
    Order,
}

#[derive(Debug, Clone)]
struct Visit {
    /// Absent for who only passes by.
    person: Option<u32>,
    /// Counts the devices of all people, and of all who pass by.
    device: u64,
    signed_in: bool,
    cart_cents: u64,
    /// The last one comes first.
    steps: Vec<Step>,
}

/// An order that is refunded when its time has come.
type Refund = Reverse<(i64, u64, u32, u64)>;

/// See the module's text. An iterator over the events, in the order of their times.
#[derive(Debug)]
pub struct Crowd {
    span: Span,
    dice: Dice,
    made: u64,
    visits: Vec<Visit>,
    refunds: BinaryHeap<Refund>,
    /// Devices that somebody has signed in on.
    known: BTreeSet<u64>,
    orders: u64,
    passers: u64,
}

impl Crowd {
    pub fn new(seed: u64, span: Span) -> Self {
        let seconds = (span.to_ms - span.from_ms).max(1) as f64 / 1_000.0;
        let at_once = (span.events as f64 / seconds * STEP_S).ceil() as usize + 8;
        let mut crowd = Self {
            span,
            dice: Dice::new(seed),
            made: 0,
            visits: Vec::with_capacity(at_once),
            refunds: BinaryHeap::new(),
            known: BTreeSet::new(),
            orders: 0,
            passers: 0,
        };
        for _ in 0..at_once {
            let visit = crowd.come();
            crowd.visits.push(visit);
        }
        crowd
    }

    /// Somebody comes, with all that they are going to do.
    fn come(&mut self) -> Visit {
        let (person, device) = if self.dice.per_mille(PASSING_PER_MILLE) {
            self.passers += 1;
            (None, u64::from(self.span.people) * DEVICES_MAX + self.passers)
        } else {
            let people = u64::from(self.span.people);
            let rank = (self.dice.unit().powi(2) * people as f64) as u64;
            let person = (rank.wrapping_mul(2_654_435_761) % people) as u32;
            let devices = u64::from(person) % DEVICES_MAX + 1;
            (
                Some(person),
                u64::from(person) * DEVICES_MAX + self.dice.below(devices),
            )
        };
        let signed_in = person.is_some() && self.known.contains(&device);
        let (steps, cart_cents) = self.plan(person.is_some(), signed_in);
        Visit {
            person,
            device,
            signed_in,
            cart_cents,
            steps,
        }
    }

    fn plan(&mut self, is_person: bool, signed_in: bool) -> (Vec<Step>, u64) {
        let (mut steps, mut cents) = (vec![Step::Landing], 0);
        for _ in 0..self.dice.below(4) + u64::from(is_person) {
            let product = self.dice.below(PRODUCTS);
            steps.push(Step::View(product));
            if self.dice.per_mille(450) {
                cents += price_cents(product);
                steps.push(Step::Add(product));
            }
        }
        if is_person {
            let wants = cents > 0;
            if wants && self.dice.per_mille(750) {
                steps.push(Step::Cart);
            }
            let signs_in = !signed_in && self.dice.per_mille(if wants { 700 } else { 150 });
            if signs_in {
                steps.extend([Step::Identify, Step::SignedIn]);
            }
            if wants && (signed_in || signs_in) && self.dice.per_mille(700) {
                steps.push(Step::Checkout);
                if self.dice.per_mille(780) {
                    steps.push(Step::Order);
                }
            }
        }
        steps.reverse();
        (steps, cents)
    }

    fn go_on(&mut self, now_ms: i64) -> Event<'static> {
        let at = self.dice.below(self.visits.len() as u64) as usize;
        let step = self.visits[at].steps.pop().unwrap_or(Step::Landing);
        if let (Step::Identify, Some(_)) = (step, self.visits[at].person) {
            self.visits[at].signed_in = true;
            let device = self.visits[at].device;
            self.known.insert(device);
        }
        let visit = self.visits[at].clone();
        if visit.steps.is_empty() {
            self.visits[at] = self.come();
        }
        let mut event = self.tell(&visit, step, now_ms);
        event
            .identifiers
            .push(identifier("anonymous_id", device_id(visit.device)));
        if let Some(person) = visit.person.filter(|_| visit.signed_in) {
            event.identifiers.push(identifier("user_id", user_id(person)));
        }
        event.context = Some(Cow::Owned(context(&visit, step)));
        event
    }

    fn tell(&mut self, visit: &Visit, step: Step, now_ms: i64) -> Event<'static> {
        let person = visit.person.unwrap_or_default();
        match step {
            Step::Landing => {
                let mut event = self.event(EventKind::Page, "Home", now_ms);
                event.properties = vec![
                    ("path".into(), text("/")),
                    ("url".into(), text("https://shop.example/")),
                    ("title".into(), text("Home")),
                    ("referrer".into(), text("https://www.search.example/")),
                ];
                event
            }
            Step::View(product) => self.about_product("Product Viewed", product, now_ms),
            Step::Add(product) => self.about_product("Product Added", product, now_ms),
            Step::Cart => self.event(EventKind::Track, "Cart Viewed", now_ms),
            Step::Identify => {
                let mut event = self.event(EventKind::Identify, "Identify", now_ms);
                let email = format!("person{person}@example.com");
                event.identifiers.push(identifier("email", email.clone()));
                event.properties = vec![
                    ("email".into(), owned(email)),
                    ("name".into(), owned(format!("Person {person}"))),
                    ("newsletter".into(), Cell::Bool(person.is_multiple_of(3))),
                ];
                event
            }
            Step::SignedIn => self.event(EventKind::Track, "Signed In", now_ms),
            Step::Checkout => {
                let mut event = self.event(EventKind::Track, "Checkout Started", now_ms);
                event.properties = vec![
                    ("value".into(), money(visit.cart_cents)),
                    ("currency".into(), text("EUR")),
                ];
                event
            }
            Step::Order => {
                self.orders += 1;
                let (number, cents) = (self.orders, visit.cart_cents);
                if self.dice.per_mille(REFUND_PER_MILLE) {
                    let wait_ms = self.dice.below(9 * DAY_MS as u64) as i64;
                    self.refunds
                        .push(Reverse((now_ms + wait_ms, number, person, cents)));
                }
                self.about_order("Order Completed", number, cents, now_ms)
            }
        }
    }

    /// The shop's server says so: there is no device.
    fn refund(&mut self, (_, number, person, cents): (i64, u64, u32, u64), now_ms: i64) -> Event<'static> {
        let mut event = self.about_order("Order Refunded", number, cents, now_ms);
        event.identifiers.push(identifier("user_id", user_id(person)));
        event
    }

    fn about_product(&mut self, name: &'static str, product: u64, now_ms: i64) -> Event<'static> {
        let mut event = self.event(EventKind::Track, name, now_ms);
        event.properties = vec![
            ("product_id".into(), owned(format!("p_{product:04}"))),
            (
                "category".into(),
                text(CATEGORIES[product as usize % CATEGORIES.len()]),
            ),
            ("brand".into(), text(BRANDS[product as usize % BRANDS.len()])),
            ("price".into(), money(price_cents(product))),
            ("quantity".into(), Cell::Number(1.0)),
        ];
        event
    }

    fn about_order(&mut self, name: &'static str, number: u64, cents: u64, now_ms: i64) -> Event<'static> {
        let mut event = self.event(EventKind::Track, name, now_ms);
        event.properties = vec![
            ("order_id".into(), owned(format!("o_{number:08}"))),
            ("revenue".into(), money(cents)),
            ("total".into(), money(cents + 495)),
            ("shipping".into(), money(495)),
            ("currency".into(), text("EUR")),
            (
                "products".into(),
                Cell::Json(Cow::Borrowed("[{\"product_id\":\"p_0001\",\"quantity\":1}]")),
            ),
        ];
        event
    }

    fn event(&mut self, kind: EventKind, name: &'static str, now_ms: i64) -> Event<'static> {
        Event {
            message_id: Cow::Owned(format!(
                "ajs-next-{:016x}{:016x}",
                self.dice.next(),
                self.dice.next()
            )),
            kind,
            event: Cow::Borrowed(name),
            timestamp_ms: now_ms,
            received_ms: now_ms + 120,
            identifiers: Vec::with_capacity(2),
            properties: Vec::new(),
            context: None,
        }
    }
}

impl Iterator for Crowd {
    type Item = Event<'static>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.made >= self.span.events {
            return None;
        }
        let through = self.made as f64 / self.span.events as f64;
        let now_ms = self.span.from_ms + ((self.span.to_ms - self.span.from_ms) as f64 * through) as i64;
        self.made += 1;
        match self.refunds.peek() {
            Some(Reverse((due_ms, ..))) if *due_ms <= now_ms => {
                let Reverse(refund) = self.refunds.pop()?;
                Some(self.refund(refund, now_ms))
            }
            _ => Some(self.go_on(now_ms)),
        }
    }
}

/// The user id of a person, which their account in the warehouse has too.
pub fn user_id(person: u32) -> String {
    format!("u_{person:06}")
}

/// The plan of a person's account: 3 in 10 are on `pro`.
pub fn plan(person: u32) -> &'static str {
    match Dice::new(u64::from(person) + 1).below(100) {
        0..58 => "free",
        58..88 => "pro",
        _ => "team",
    }
}

fn device_id(device: u64) -> String {
    let mut dice = Dice::new(device);
    format!("{:016x}-{:016x}", dice.next(), dice.next())
}

fn identifier(kind: &'static str, value: String) -> EventIdentifier<'static> {
    EventIdentifier {
        kind: Cow::Borrowed(kind),
        value: Cow::Owned(value),
    }
}

fn price_cents(product: u64) -> u64 {
    990 + product * 73 % 30_000
}

fn money(cents: u64) -> Cell<'static> {
    Cell::Number(cents as f64 / 100.0)
}

fn text(value: &'static str) -> Cell<'static> {
    Cell::Text(Cow::Borrowed(value))
}

fn owned(value: String) -> Cell<'static> {
    Cell::Text(Cow::Owned(value))
}

/// As Segment's libraries send it.
fn context(visit: &Visit, step: Step) -> String {
    let path = match step {
        Step::View(product) | Step::Add(product) => format!("/p/p_{product:04}"),
        _ => "/".to_owned(),
    };
    json!({
        "library": { "name": "analytics.js", "version": "2.11.1" },
        "ip": format!("198.51.{}.{}", visit.device % 100, visit.device % 251),
        "userAgent": AGENTS[visit.device as usize % AGENTS.len()],
        "page": { "path": path, "url": format!("https://shop.example{path}") },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span {
        events: 20_000,
        people: 500,
        from_ms: 0,
        to_ms: 30 * DAY_MS,
    };

    #[test]
    fn the_crowd_is_the_same_every_time_and_in_order() {
        let events: Vec<_> = Crowd::new(3, SPAN).collect();
        assert_eq!(events.len() as u64, SPAN.events);
        assert_eq!(events, Crowd::new(3, SPAN).collect::<Vec<_>>());
        assert!(events.is_sorted_by_key(|event| event.timestamp_ms));
        assert!(events.iter().all(|event| !event.identifiers.is_empty()));
    }

    #[test]
    fn people_buy_and_send_back() {
        let events: Vec<_> = Crowd::new(3, SPAN).collect();
        let of = |name: &str| events.iter().filter(|event| event.event == name).count();
        assert!(of("Order Completed") > 500, "{}", of("Order Completed"));
        assert!(of("Order Refunded") > 20, "{}", of("Order Refunded"));
        assert!(of("Product Viewed") > of("Order Completed") * 3);
        let pro = (0..1_000).filter(|person| plan(*person) == "pro").count();
        assert!((250..350).contains(&pro), "{pro}");
    }
}
