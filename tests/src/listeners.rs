//! More listeners of a broker than the one in the clear, each with its own protocol and settings.

use std::fmt::Write as _;

use anyhow::Result;

/// One more listener of a broker.
#[derive(Debug, Clone)]
pub struct Listener {
    pub(crate) name: &'static str,
    protocol: &'static str,
    settings: Vec<(String, String)>,
}

impl Listener {
    pub fn new(name: &'static str, protocol: &'static str) -> Self {
        Self {
            name,
            protocol,
            settings: Vec::new(),
        }
    }

    /// A broker's setting that holds for this listener alone.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }
}

/// What a broker has beyond the listener in the clear.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub listeners: Vec<Listener>,
    /// Lines of its properties.
    pub settings: Vec<String>,
    /// `MECHANISM=[name=USER,password=PASSWORD]`
    pub scram: Vec<String>,
    /// Options of its JVM.
    pub jvm: Vec<String>,
}

/// Puts the setup's listeners beside the two that every broker has.
pub(crate) fn add_listeners(text: &mut String, setup: &Setup, ports: &[u16]) -> Result<()> {
    let all = || setup.listeners.iter().zip(ports);
    let mut add = |key: &str, value: String| {
        let line = format!("\n{key}=");
        if let Some(at) = text.find(&line) {
            text.insert_str(at + line.len(), &format!("{value},"));
        }
    };
    if !setup.listeners.is_empty() {
        let places = |host: &str| {
            let places = all().map(|(listener, port)| format!("{}://{host}:{port}", listener.name));
            places.collect::<Vec<_>>().join(",")
        };
        add("listeners", places("127.0.0.1"));
        add("advertised.listeners", places("localhost"));
    }
    let protocols = all().map(|(listener, _)| format!("{}:{}", listener.name, listener.protocol));
    let protocols = [
        "PLAINTEXT:PLAINTEXT".to_owned(),
        "CONTROLLER:PLAINTEXT".to_owned(),
    ]
    .into_iter()
    .chain(protocols);
    writeln!(
        text,
        "listener.security.protocol.map={}",
        protocols.collect::<Vec<_>>().join(",")
    )?;
    writeln!(text, "inter.broker.listener.name=PLAINTEXT")?;
    for listener in &setup.listeners {
        let prefix = format!("listener.name.{}", listener.name.to_lowercase());
        for (name, value) in &listener.settings {
            writeln!(text, "{prefix}.{name}={value}")?;
        }
    }
    for setting in &setup.settings {
        writeln!(text, "{setting}")?;
    }
    Ok(())
}
