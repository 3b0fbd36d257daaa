//! Who the shop's people are: accounts, names, addresses and devices, each a pure function of the seed and a number.
//!
//! Invariant: nothing here depends on a clock, on a random number library or on what was asked before, so a sample
//! warehouse made from the same seed has the same accounts, on any machine and in any version.

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// The first day on which an account can have been opened: 2023-01-01T00:00:00Z.
const FIRST_ACCOUNT_MS: i64 = 1_672_531_200_000;
/// Accounts were opened within so many days of that.
const ACCOUNT_DAYS: u64 = 900;
/// How many devices a person has at most.
pub const DEVICES_MAX: u8 = 3;

/// A small random number generator (SplitMix64) whose sequence is fixed by this file.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for one thing: `kind` keeps things of different kinds apart.
    pub fn of(seed: u64, kind: &str, number: u64) -> Self {
        let mut dice = Self(seed);
        for byte in kind.bytes() {
            dice.0 = dice.roll() ^ u64::from(byte);
        }
        dice.0 = dice.roll() ^ number;
        dice
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `end` - 1; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// From `first` to `last`, both included.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        first + self.below((last - first + 1).max(1) as u64) as i64
    }

    /// At least 0 and less than 1.
    pub fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True so many times out of a thousand.
    pub fn per_mille(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// The text of a version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let high = self.roll() & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = self.roll() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        uuid::Uuid::from_u64_pair(high, low).to_string()
    }
}

/// What the warehouse knows of a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// `u_000001`, as in the events.
    pub user_id: String,
    /// `free`, `pro` or `team`.
    pub plan: &'static str,
    /// `emea`, `amer` or `apac`: where the person's country lies.
    pub region: &'static str,
    pub seats: u32,
    /// Monthly recurring revenue in whole units of money.
    pub mrr: u32,
    /// When the account was opened, milliseconds since the epoch.
    pub since_ms: i64,
}

/// The account of user `number`, which counts from 1.
pub fn account(seed: u64, number: u32) -> Account {
    let mut dice = Dice::of(seed, "account", u64::from(number));
    let (plan, seats, mrr) = match dice.below(100) {
        0..58 => ("free", 1, 0),
        58..88 => ("pro", 1, 29),
        _ => {
            let seats = dice.between(3, 40) as u32;
            ("team", seats, seats * 19)
        }
    };
    let since_ms =
        FIRST_ACCOUNT_MS + dice.below(ACCOUNT_DAYS) as i64 * DAY_MS + dice.below(DAY_MS as u64) as i64;
    Account {
        user_id: user_id(number),
        plan,
        region: home(seed, number).region,
        seats,
        mrr,
        since_ms,
    }
}

/// `u_000001` for 1.
pub fn user_id(number: u32) -> String {
    format!("u_{number:06}")
}

/// Where people live, and what follows from it.
#[derive(Debug)]
pub struct Home {
    pub country: &'static str,
    pub region: &'static str,
    pub currency: &'static str,
    pub locale: &'static str,
    pub timezone: &'static str,
    /// First two numbers of the addresses of people there.
    network: &'static str,
}

const fn at(
    country: &'static str,
    region: &'static str,
    currency: &'static str,
    locale: &'static str,
    timezone: &'static str,
    network: &'static str,
) -> Home {
    Home {
        country,
        region,
        currency,
        locale,
        timezone,
        network,
    }
}

/// Countries as often as they occur.
const HOMES: [Home; 16] = [
    at("US", "amer", "USD", "en-US", "America/New_York", "198.51"),
    at("US", "amer", "USD", "en-US", "America/Los_Angeles", "198.51"),
    at("US", "amer", "USD", "en-US", "America/Chicago", "198.51"),
    at("US", "amer", "USD", "es-US", "America/Denver", "198.51"),
    at("CA", "amer", "CAD", "en-CA", "America/Toronto", "198.18"),
    at("BR", "amer", "BRL", "pt-BR", "America/Sao_Paulo", "198.19"),
    at("GB", "emea", "GBP", "en-GB", "Europe/London", "203.0"),
    at("GB", "emea", "GBP", "en-GB", "Europe/London", "203.0"),
    at("DE", "emea", "EUR", "de-DE", "Europe/Berlin", "192.0"),
    at("DE", "emea", "EUR", "de-DE", "Europe/Berlin", "192.0"),
    at("FR", "emea", "EUR", "fr-FR", "Europe/Paris", "192.0"),
    at("ES", "emea", "EUR", "es-ES", "Europe/Madrid", "192.0"),
    at("PL", "emea", "PLN", "pl-PL", "Europe/Warsaw", "192.0"),
    at("JP", "apac", "JPY", "ja-JP", "Asia/Tokyo", "100.64"),
    at("AU", "apac", "AUD", "en-AU", "Australia/Sydney", "100.65"),
    at("IN", "apac", "INR", "en-IN", "Asia/Kolkata", "100.66"),
];

/// Where user `number` lives.
pub fn home(seed: u64, number: u32) -> &'static Home {
    Dice::of(seed, "home", u64::from(number)).pick(&HOMES)
}

const FIRST_NAMES: [&str; 48] = [
    "Ada",
    "Aiko",
    "Alejandra",
    "Amara",
    "Anders",
    "Anja",
    "Arjun",
    "Beatriz",
    "Björn",
    "Chloé",
    "Daniel",
    "Deniz",
    "Elena",
    "Emeka",
    "Femi",
    "Fiona",
    "Grace",
    "Hana",
    "Hugo",
    "Ines",
    "Ivan",
    "Jakub",
    "Jonas",
    "Kavya",
    "Kenji",
    "Lars",
    "Leila",
    "Lucía",
    "Mads",
    "Maja",
    "Marco",
    "Mei",
    "Nadia",
    "Noah",
    "Oluwaseun",
    "Paula",
    "Priya",
    "Rafael",
    "Rosa",
    "Sam",
    "Sofia",
    "Tariq",
    "Thomas",
    "Uma",
    "Viktor",
    "Wei",
    "Yara",
    "Zoë",
];
const LAST_NAMES: [&str; 48] = [
    "Adeyemi",
    "Andersson",
    "Bauer",
    "Becker",
    "Bianchi",
    "Chen",
    "Costa",
    "Dubois",
    "Evans",
    "Fernández",
    "Fischer",
    "García",
    "Haddad",
    "Hansen",
    "Hughes",
    "Ito",
    "Jansen",
    "Kaya",
    "Khan",
    "Kim",
    "Kowalski",
    "Kumar",
    "Larsen",
    "Lopez",
    "Martin",
    "Meyer",
    "Moreau",
    "Nakamura",
    "Nguyen",
    "Novak",
    "O'Brien",
    "Okafor",
    "Patel",
    "Petrov",
    "Popescu",
    "Rossi",
    "Santos",
    "Sato",
    "Schmidt",
    "Silva",
    "Singh",
    "Smith",
    "Suzuki",
    "Taylor",
    "Tran",
    "Weber",
    "Wójcik",
    "Yılmaz",
];

/// A person's name and address.
#[derive(Debug, Clone)]
pub struct Person {
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub email: String,
    pub newsletter: bool,
}

pub fn person(seed: u64, number: u32) -> Person {
    let mut dice = Dice::of(seed, "person", u64::from(number));
    let (first_name, last_name) = (*dice.pick(&FIRST_NAMES), *dice.pick(&LAST_NAMES));
    let domain = dice.pick(&["example.com", "example.org", "example.net", "mail.example"]);
    // The number keeps two people of the same name apart.
    let email = format!("{}.{}{number}@{domain}", ascii(first_name), ascii(last_name));
    Person {
        first_name,
        last_name,
        email,
        newsletter: dice.per_mille(400),
    }
}

/// A name as it is written in an address.
fn ascii(name: &str) -> String {
    let plain = |letter: char| match letter {
        'á' => Some('a'),
        'é' | 'ë' => Some('e'),
        'í' | 'ı' => Some('i'),
        'ö' | 'ó' => Some('o'),
        letter if letter.is_ascii_alphabetic() => Some(letter.to_ascii_lowercase()),
        _ => None,
    };
    name.chars().filter_map(plain).collect()
}

/// Something that a person visits the shop with. It has an anonymous id of its own.
#[derive(Debug, Clone)]
pub struct Device {
    pub anonymous_id: String,
    pub mobile: bool,
    pub user_agent: &'static str,
    pub ip: String,
    /// How far the device's clock is ahead.
    pub clock_ahead_ms: i64,
}

const DESKTOPS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
];
const MOBILES: [&str; 3] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36",
];

/// How many devices a person has: 1 to [`DEVICES_MAX`].
pub fn devices(seed: u64, number: u32) -> u8 {
    match Dice::of(seed, "devices", u64::from(number)).below(10) {
        0..5 => 1,
        5..9 => 2,
        _ => DEVICES_MAX,
    }
}

/// The `index`-th device of user `number`. The second one is a phone.
pub fn device(seed: u64, number: u32, index: u8) -> Device {
    let which = u64::from(number) * u64::from(DEVICES_MAX) + u64::from(index);
    let network = home(seed, number).network;
    device_of(Dice::of(seed, "device", which), network, index == 1)
}

/// The device of somebody who comes once and says nothing of themselves.
pub fn passing_device(seed: u64, visit: u64) -> Device {
    let mut dice = Dice::of(seed, "passing", visit);
    let network = dice.pick(&HOMES).network;
    let mobile = dice.per_mille(600);
    device_of(dice, network, mobile)
}

fn device_of(mut dice: Dice, network: &str, mobile: bool) -> Device {
    let anonymous_id = dice.uuid();
    let user_agent = if mobile {
        *dice.pick(&MOBILES)
    } else {
        *dice.pick(&DESKTOPS)
    };
    let ip = format!("{network}.{}.{}", dice.below(256), dice.between(1, 254));
    // One clock in twenty is wrong by up to three hours.
    let clock_ahead_ms = if dice.per_mille(50) {
        dice.between(-10_800_000, 10_800_000)
    } else {
        0
    };
    Device {
        anonymous_id,
        mobile,
        user_agent,
        ip,
        clock_ahead_ms,
    }
}
