//! What the shop sells, and the pages and campaigns that lead there.

/// Something to buy.
#[derive(Debug)]
pub struct Product {
    pub id: &'static str,
    pub name: &'static str,
    pub category: &'static str,
    pub brand: &'static str,
    pub price_cents: i64,
}

const fn product(
    id: &'static str,
    name: &'static str,
    category: &'static str,
    brand: &'static str,
    price_cents: i64,
) -> Product {
    Product {
        id,
        name,
        category,
        brand,
        price_cents,
    }
}

pub const PRODUCTS: [Product; 32] = [
    product("p_1001", "Merino Base Layer", "clothing", "Fjell", 8900),
    product("p_1002", "Rain Shell", "clothing", "Fjell", 21900),
    product("p_1003", "Down Jacket", "clothing", "Kestrel", 28900),
    product("p_1004", "Trail Shorts", "clothing", "Kestrel", 5900),
    product("p_1005", "Wool Socks, 3 pairs", "clothing", "Fjell", 3200),
    product("p_1006", "Sun Cap", "clothing", "Oriel", 2400),
    product("p_2001", "Trail Runner", "shoes", "Talus", 13900),
    product("p_2002", "Alpine Boot", "shoes", "Talus", 24900),
    product("p_2003", "Camp Slipper", "shoes", "Oriel", 4900),
    product("p_2004", "Approach Shoe", "shoes", "Talus", 15900),
    product("p_3001", "Two-Person Tent", "camping", "Hollow", 39900),
    product("p_3002", "Sleeping Bag -5 °C", "camping", "Hollow", 22900),
    product("p_3003", "Inflatable Mat", "camping", "Hollow", 11900),
    product("p_3004", "Gas Stove", "camping", "Ember", 6900),
    product("p_3005", "Titanium Mug", "camping", "Ember", 3900),
    product("p_3006", "Water Filter", "camping", "Ember", 4500),
    product("p_3007", "Folding Chair", "camping", "Hollow", 8900),
    product("p_4001", "Day Pack 22 l", "packs", "Oriel", 9900),
    product("p_4002", "Touring Pack 55 l", "packs", "Oriel", 20900),
    product("p_4003", "Hip Pack", "packs", "Oriel", 4500),
    product("p_4004", "Dry Bag 20 l", "packs", "Hollow", 2900),
    product("p_5001", "Head Torch", "electronics", "Lumen", 5900),
    product("p_5002", "GPS Watch", "electronics", "Lumen", 34900),
    product("p_5003", "Power Bank 20 Ah", "electronics", "Lumen", 7900),
    product("p_5004", "Solar Panel 21 W", "electronics", "Lumen", 9900),
    product("p_6001", "Climbing Rope 60 m", "climbing", "Talus", 18900),
    product("p_6002", "Harness", "climbing", "Talus", 7400),
    product("p_6003", "Belay Device", "climbing", "Talus", 8900),
    product("p_6004", "Chalk Bag", "climbing", "Kestrel", 2200),
    product("p_7001", "Gift Card", "gifts", "Shop", 5000),
    product("p_7002", "Enamel Pin", "gifts", "Shop", 800),
    product("p_7003", "Topographic Map", "gifts", "Shop", 1900),
];

/// Path and title of the pages that visits begin on.
pub const LANDINGS: [(&str, &str); 8] = [
    ("/", "Home"),
    ("/", "Home"),
    ("/c/clothing", "Clothing"),
    ("/c/shoes", "Shoes"),
    ("/c/camping", "Camping"),
    ("/c/packs", "Packs"),
    ("/journal/spring-kit", "Journal: the spring kit"),
    ("/sale", "Sale"),
];

/// Where visits come from.
pub const REFERRERS: [&str; 6] = [
    "",
    "",
    "https://www.google.com/",
    "https://www.google.com/",
    "https://news.example/outdoors",
    "https://social.example/",
];

/// Source, medium and name.
pub const CAMPAIGNS: [(&str, &str, &str); 4] = [
    ("newsletter", "email", "weekly"),
    ("google", "cpc", "brand"),
    ("social", "paid", "spring-kit"),
    ("partner", "affiliate", "trail-club"),
];

pub const COUPONS: [&str; 3] = ["WELCOME10", "SPRING10", "TRAIL10"];
