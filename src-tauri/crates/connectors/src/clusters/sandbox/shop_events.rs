//! The shop's events as JSON, in the shape of Segment's specification: common fields (messageId, type, userId,
//! anonymousId, three times, context) and the e-commerce events (Product Viewed, Order Completed and so on).
//!
//! Invariant: `timestamp` is the corrected time of the event: the time of arrival minus what passed on the device
//! between the event (`originalTimestamp`) and its sending (`sentAt`), so a wrong clock does not move it.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::shop_catalogue::{CAMPAIGNS, PRODUCTS, Product};
use super::shop_people::{Device, Home, Person};

const SHOP_URL: &str = "https://shop.example";

/// RFC 3339 with milliseconds, in UTC.
pub fn rfc3339(time_ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(time_ms).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Who an event is of and when and where it happened.
pub struct Scene<'a> {
    pub message_id: String,
    pub user_id: Option<&'a str>,
    /// None for events that the shop's own server sends.
    pub device: Option<&'a Device>,
    pub home: &'a Home,
    /// When it happened, by a clock that is right.
    pub happened_ms: i64,
    /// When the device sent it, by the same clock.
    pub sent_ms: i64,
    /// Path, title and referrer of the page it happened on.
    pub page: Option<(&'a str, &'a str, &'a str)>,
    /// Which campaign led to the visit, by its place in the catalogue.
    pub campaign: Option<usize>,
}

impl Scene<'_> {
    /// A whole event: `kind` is the specification's type, `what` its own fields.
    fn event(&self, kind: &str, what: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
        let ahead_ms = self.device.map_or(0, |device| device.clock_ahead_ms);
        let mut event = Map::new();
        event.insert("messageId".to_owned(), json!(self.message_id));
        event.insert("type".to_owned(), json!(kind));
        for (name, value) in what {
            event.insert(name.to_owned(), value);
        }
        if let Some(device) = self.device {
            event.insert("anonymousId".to_owned(), json!(device.anonymous_id));
        }
        if let Some(user_id) = self.user_id {
            event.insert("userId".to_owned(), json!(user_id));
        }
        event.insert("timestamp".to_owned(), json!(rfc3339(self.happened_ms)));
        event.insert(
            "originalTimestamp".to_owned(),
            json!(rfc3339(self.happened_ms + ahead_ms)),
        );
        event.insert("sentAt".to_owned(), json!(rfc3339(self.sent_ms + ahead_ms)));
        event.insert("channel".to_owned(), json!(self.channel()));
        event.insert("context".to_owned(), Value::Object(self.context()));
        event
    }

    fn channel(&self) -> &'static str {
        match self.device {
            None => "server",
            Some(device) if device.mobile => "mobile",
            Some(_) => "browser",
        }
    }

    fn context(&self) -> Map<String, Value> {
        let mut context = Map::new();
        let library = match self.channel() {
            "server" => json!({"name": "analytics-node", "version": "2.1.2"}),
            "mobile" => json!({"name": "analytics-kotlin", "version": "1.16.3"}),
            _ => json!({"name": "analytics.js", "version": "2.11.1"}),
        };
        context.insert("library".to_owned(), library);
        let Some(device) = self.device else { return context };
        context.insert("ip".to_owned(), json!(device.ip));
        context.insert("userAgent".to_owned(), json!(device.user_agent));
        context.insert("locale".to_owned(), json!(self.home.locale));
        context.insert("timezone".to_owned(), json!(self.home.timezone));
        if let Some((path, title, referrer)) = self.page {
            context.insert("page".to_owned(), page_json(path, title, referrer));
        }
        if let Some((source, medium, name)) = self.campaign.and_then(|index| CAMPAIGNS.get(index)) {
            context.insert(
                "campaign".to_owned(),
                json!({"source": source, "medium": medium, "name": name}),
            );
        }
        context
    }

    pub fn page(&self) -> Value {
        let (path, title, referrer) = self.page.unwrap_or(("/", "Home", ""));
        let what = [
            ("name", json!(title)),
            ("properties", page_json(path, title, referrer)),
        ];
        Value::Object(self.event("page", what))
    }

    pub fn track(&self, event: &str, properties: Value) -> Value {
        Value::Object(self.event("track", [("event", json!(event)), ("properties", properties)]))
    }

    pub fn identify(&self, person: &Person, since_ms: i64) -> Value {
        let traits = json!({
            "email": person.email,
            "name": format!("{} {}", person.first_name, person.last_name),
            "firstName": person.first_name,
            "lastName": person.last_name,
            "country": self.home.country,
            "newsletter": person.newsletter,
            "createdAt": rfc3339(since_ms),
        });
        Value::Object(self.event("identify", [("traits", traits)]))
    }
}

fn page_json(path: &str, title: &str, referrer: &str) -> Value {
    json!({"path": path, "url": format!("{SHOP_URL}{path}"), "title": title, "referrer": referrer})
}

/// Whole units of money.
pub fn money(cents: i64) -> Value {
    json!(cents as f64 / 100.0)
}

/// One product as the specification writes it, with how many of it.
pub fn product_json(product: &Product, quantity: i64) -> Value {
    json!({
        "product_id": product.id,
        "name": product.name,
        "category": product.category,
        "brand": product.brand,
        "price": money(product.price_cents),
        "quantity": quantity,
    })
}

/// A cart: products by their place in the catalogue, with how many of each.
pub type Cart = Vec<(usize, i64)>;

pub fn products_json(cart: &Cart) -> Value {
    cart.iter()
        .map(|(index, quantity)| product_json(&PRODUCTS[*index], *quantity))
        .collect()
}

pub fn cart_cents(cart: &Cart) -> i64 {
    cart.iter()
        .map(|(index, quantity)| PRODUCTS[*index].price_cents * quantity)
        .sum()
}

/// The category that most money of a cart goes into.
pub fn cart_category(cart: &Cart) -> &'static str {
    let dearest = cart
        .iter()
        .max_by_key(|(index, quantity)| PRODUCTS[*index].price_cents * quantity);
    dearest.map_or("", |(index, _)| PRODUCTS[*index].category)
}

/// An order that was paid.
#[derive(Debug, Clone)]
pub struct Order {
    pub order_id: String,
    pub user_number: u32,
    pub cart: Cart,
    pub coupon: Option<&'static str>,
    pub discount_cents: i64,
    pub shipping_cents: i64,
    pub currency: &'static str,
}

impl Order {
    /// What the products brought in: without shipping, after the discount.
    pub fn revenue_cents(&self) -> i64 {
        cart_cents(&self.cart) - self.discount_cents
    }

    pub fn total_cents(&self) -> i64 {
        self.revenue_cents() + self.shipping_cents
    }

    /// Properties of Order Completed and Order Refunded.
    pub fn properties(&self) -> Value {
        json!({
            "order_id": self.order_id,
            "revenue": money(self.revenue_cents()),
            "total": money(self.total_cents()),
            "shipping": money(self.shipping_cents),
            "discount": money(self.discount_cents),
            "coupon": self.coupon,
            "currency": self.currency,
            "category": cart_category(&self.cart),
            "products": products_json(&self.cart),
        })
    }

    /// The flat record of the orders topic.
    pub fn record(&self, user_id: &str, status: &str, at_ms: i64) -> Value {
        json!({
            "order_id": self.order_id,
            "user_id": user_id,
            "total": money(self.total_cents()),
            "currency": self.currency,
            "items": self.cart.iter().map(|(_, quantity)| quantity).sum::<i64>(),
            "created_at": rfc3339(at_ms),
            "status": status,
        })
    }
}
