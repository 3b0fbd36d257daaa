//! The real window on what does not fit: the quarantine, mended and replayed; a transformation, tried and saved; violations
//! and plans. What the window says is compared with the files that it wrote and with the event log.
//!
//! Every screen leaves a picture: somebody looks at them.

use std::path::Path;

use anyhow::{Context, Result};
use integration::{
    kafka::{Kafka, Record},
    need, program, unique,
    window::{Options, Window, testid},
};
use serde_json::json;
use tempfile::TempDir;

use crate::window_journey::drive::{DEADLINE, Drive};

const PLAN: &str = r#"{
  "version": 1,
  "title": "The shop",
  "events": {
    "Order Completed": {
      "on_violation": "block",
      "schema": {"required": ["amount"], "properties": {"amount": {"type": "number", "minimum": 0}}}
    }
  }
}
"#;
const EVENTS: usize = 120;
/// Every so many orders has its amount as text.
const TEXT_EVERY: usize = 6;

fn order(number: usize) -> Record {
    let amount = match number.is_multiple_of(TEXT_EVERY) {
        true => json!(format!("{number}.50")),
        false => json!(number as f64 + 0.5),
    };
    let event = json!({
        "type": "track", "messageId": format!("m{number}"), "event": "Order Completed", "userId": format!("u_{}", number % 9),
        "timestamp": format!("2026-05-01T{:02}:{:02}:00.000Z", number / 60, number % 60),
        "properties": {"amount": amount, "currency": "EUR", "phone": format!("+49 30 {number:05}"), "address": {"zip": format!("{}", 10_115 + number)}},
    });
    Record::new(number.to_string(), event.to_string())
}

fn workspace(folder: &Path, kafka: &Kafka, topic: &str) -> Result<()> {
    let files = [
        ("tailrace.toml", "name = \"quality\"\n".to_owned()),
        (
            "clusters/prod.toml",
            format!(
                "kind = \"kafka\"\n\n[properties]\n\"bootstrap.servers\" = \"{}\"\n",
                kafka.bootstrap()
            ),
        ),
        (
            "sources/shop.toml",
            format!("# of the shop\ncluster = \"prod\"\ntopic = \"{topic}\"\nplan = \"shop\"\n"),
        ),
        ("tracking-plans/shop.json", PLAN.to_owned()),
    ];
    for (file, text) in files {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

struct Stage<'a> {
    drive: Drive<'a>,
    workspace: &'a Path,
}

#[tokio::test]
async fn the_window_mends_what_does_not_fit() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let studio = need!(program("tailrace-studio"));
    let topic = unique("window-quality");
    kafka.create_topic(&topic, 2).await?;
    let malformed = Record::new("x", "{\"type\":\"track\",\"event\":\"Order Completed\"");
    kafka
        .produce(&topic, (0..EVENTS).map(order).chain([malformed]))
        .await?;
    let folder = TempDir::with_prefix("tailrace-window-quality-")?;
    let dir = folder.path().join("workspace");
    workspace(&dir, kafka, &topic)?;
    let options = Options::new(studio)
        .arg(dir.display().to_string())
        .env("TAILRACE_DATA", folder.path().join("data").display().to_string())
        .env(
            "TAILRACE_CONFIG_DIR",
            folder.path().join("config").display().to_string(),
        );
    let window = need!(Window::open(&options).await);
    let stage = Stage {
        drive: Drive::new(&window),
        workspace: &dir,
    };
    stage.all().await.map_err(|error| anyhow::anyhow!("{error:#}"))
}

impl Stage<'_> {
    async fn all(&self) -> Result<()> {
        self.quarantine().await.context("the quarantine")?;
        self.transformation().await.context("the transformation")?;
        self.violations().await.context("violations")?;
        self.plans().await.context("plans")
    }

    async fn open(&self, hash: &str) -> Result<()> {
        let script = "location.hash = arguments[0]";
        self.drive.window.script(script, &[json!(hash)]).await.map(drop)
    }

    async fn picture(&self, name: &str) -> Result<()> {
        self.drive.window.wait_gone(&testid("loading"), DEADLINE).await?;
        let painted = "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))";
        self.drive.window.script(painted, &[]).await?;
        self.drive.window.screenshot(&format!("quality-{name}")).await?;
        Ok(())
    }

    async fn until_total(&self, table: &str, total: usize) -> Result<()> {
        let script = format!(
            "return Number(document.querySelector('[data-testid=\"{table}\"]')?.dataset.total) === {total}"
        );
        self.drive
            .until(&format!("{total} rows in {table}"), &script)
            .await
            .map(drop)
    }

    /// Every sixth order is blocked: its amount is a text. One transformation mends them all.
    async fn quarantine(&self) -> Result<()> {
        let blocked = EVENTS / TEXT_EVERY;
        self.open("#/events/shop").await?;
        self.until_total("quarantine", blocked + 1).await?;
        self.drive.click_first("quarantine").await?;
        self.drive.see("kept-reason").await?;
        self.picture("quarantine").await?;
        self.drive.click("quarantine-mend").await?;
        self.drive
            .write(
                "mend-sql-input",
                "SELECT * REPLACE (CAST(amount AS DOUBLE) AS amount) FROM events",
            )
            .await?;
        self.drive.write("mend-filter-input", "kind = 'blocked'").await?;
        self.drive.click("mend-preview").await?;
        self.drive
            .see_text("mend-outcome", &format!("{blocked} become events"))
            .await?;
        self.picture("mend").await?;
        self.drive.click("mend-replay").await?;
        self.drive.window.wait_gone(&testid("mend"), DEADLINE).await?;
        self.until_total("quarantine", 1).await
    }

    async fn transformation(&self) -> Result<()> {
        self.open("#/events/shop?part=transformation").await?;
        self.drive
            .write(
                "transform-sql-input",
                "SELECT * EXCLUDE (phone), address.zip AS zip FROM events WHERE amount > 100",
            )
            .await?;
        self.drive.click("transform-preview").await?;
        self.drive.see("transform-rows").await?;
        self.picture("transformation").await?;
        self.drive.click("transform-save").await?;
        let saved = || std::fs::read_to_string(self.workspace.join("sources/shop.toml"));
        let said = integration::eventually("the transformation to be saved", DEADLINE, || async {
            saved().ok().filter(|text| text.contains("transform = "))
        })
        .await?;
        assert!(said.starts_with("# of the shop\n"), "comments stay: {said}");
        assert!(said.contains("address.zip AS zip"), "{said}");
        Ok(())
    }

    async fn violations(&self) -> Result<()> {
        self.open("#/events?tab=violations").await?;
        self.until_total("violations", 1).await?;
        let counted = self.drive.cells("violations", "count").await?;
        assert_eq!(counted, [(EVENTS / TEXT_EVERY).to_string()]);
        self.drive.see("violation-chart").await?;
        self.picture("violations").await?;
        self.drive.click("plan-infer").await?;
        self.drive.see("infer-save").await?;
        self.picture("infer").await?;
        self.drive.window.press("Escape").await?;
        self.drive.window.wait_gone(&testid("infer"), DEADLINE).await
    }

    async fn plans(&self) -> Result<()> {
        let changed = PLAN
            .replace("\"version\": 1", "\"version\": 2")
            .replace("\"minimum\": 0", "\"minimum\": 1")
            .replace("[\"amount\"]", "[\"amount\", \"currency\"]");
        std::fs::write(self.workspace.join("tracking-plans/shop.json"), changed)?;
        self.open("#/events?tab=plans&plan=shop").await?;
        self.drive.see_text("plan", "\"currency\"").await?;
        self.picture("plan").await?;
        self.drive.choose("plan-since", "1").await?;
        self.drive
            .see_text("plan-changes-said", "3 changes, 2 of them stricter")
            .await?;
        self.picture("plan-changes").await
    }
}
