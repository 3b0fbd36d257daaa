//! What a person does to the window, and what they read in it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use integration::{
    eventually, unique,
    window::{Window, testid},
};
use serde_json::{Value, json};

/// The window is built without optimisation, and shares two cores with everything else.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// WebDriver's key of that name.
const ENTER: &str = "\u{E007}";

/// Of a table's rows in the document, in the order shown: what a column says in each.
const CELLS: &str = "return [...document.querySelectorAll(`[data-testid=\"${arguments[0]}\"] [data-testid=row]`)]
  .map(row => [new DOMMatrix(getComputedStyle(row).transform).m42, row.querySelector(`[data-col=\"${arguments[1]}\"]`)?.textContent])
  .filter(([, text]) => text != null && text !== '·')
  .sort((a, b) => a[0] - b[0]).map(([, text]) => text)";

/// The key of the first row of `table` that nothing lies over.
const IN_VIEW: &str = "const seen = row => {
    const { left, top, height } = row.getBoundingClientRect();
    return row.contains(document.elementFromPoint(left + 20, top + height / 2));
  };
  const rows = [...document.querySelectorAll(`${table} [data-testid=row][data-key]`)].filter(seen);
  rows.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
  return rows[0]?.dataset.key";

pub struct Drive<'a> {
    pub window: &'a Window,
}

impl<'a> Drive<'a> {
    pub fn new(window: &'a Window) -> Self {
        Self { window }
    }

    /// Waits until something with this test id is shown.
    pub async fn see(&self, id: &str) -> Result<()> {
        self.window.wait_for(&testid(id), DEADLINE).await.map(drop)
    }

    pub async fn see_text(&self, id: &str, text: &str) -> Result<()> {
        self.see_text_in(&testid(id), text).await
    }

    pub async fn see_text_in(&self, css: &str, text: &str) -> Result<()> {
        let script = format!(
            "return [...document.querySelectorAll({})].some(found => found.innerText.includes({}))",
            json!(css),
            json!(text)
        );
        self.until(&format!("{css} to say “{text}”"), &script)
            .await
            .map(drop)
    }

    /// Waits until the body of a function gives something true.
    pub async fn until(&self, what: &str, script: &str) -> Result<Value> {
        self.window.wait_until(what, script, DEADLINE).await
    }

    /// Clicks what matches, once it is shown; what moved away under the pointer is clicked again.
    pub async fn click_css(&self, css: &str) -> Result<()> {
        self.window.wait_for(css, DEADLINE).await?;
        self.insist(css, || async { self.window.click(css).await }).await
    }

    /// Tries until it is done; the error is the last one.
    async fn insist<T, F>(&self, what: &str, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let started = Instant::now();
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if started.elapsed() > DEADLINE {
                let picture = self.window.screenshot(&unique("failed")).await?;
                return Err(error.context(format!("clicking {what}, see {}", picture.display())));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub async fn click(&self, id: &str) -> Result<()> {
        self.click_css(&testid(id)).await
    }

    /// Clicks something that ends in an ellipsis: the driver holds that for hidden, but clicks it.
    pub async fn click_cut(&self, id: &str) -> Result<()> {
        let css = testid(id);
        self.insist(&css, || async { self.window.click(&css).await })
            .await
    }

    /// Clicks a row of a table by its key.
    pub async fn click_row(&self, table: &str, key: &str) -> Result<()> {
        self.window.wait_for(&row(table, key), DEADLINE).await?;
        // The driver holds a cell that ends in an ellipsis for hidden, but clicks it.
        let cell = format!("{} [role=gridcell]", row(table, key));
        self.insist(&cell, || async { self.window.click(&cell).await })
            .await
    }

    /// Clicks the first row that is in view.
    pub async fn click_first(&self, table: &str) -> Result<()> {
        let script = format!("const table = {}; {IN_VIEW}", json!(testid(table)));
        self.more_rows(table, 0).await?;
        self.insist(table, || async {
            let key = self.window.script(&script, &[]).await?;
            let key = key.as_str().context("no row is in view")?;
            let cell = format!("{} [role=gridcell]", row(table, key));
            self.window.click(&cell).await
        })
        .await
    }

    /// Goes to a screen by the rail.
    pub async fn screen(&self, id: &str) -> Result<()> {
        self.click(&format!("rail-{id}")).await?;
        self.see(&format!("screen-{id}")).await
    }

    /// Opens a choice and takes one of it.
    pub async fn choose(&self, id: &str, value: &str) -> Result<()> {
        self.click(id).await?;
        self.click(&format!("{id}-{value}")).await
    }

    /// Writes over all of a field or an editor.
    pub async fn write(&self, id: &str, text: &str) -> Result<()> {
        self.click(id).await?;
        self.window.press("Control+a").await?;
        let typed = text.replace('\n', ENTER);
        self.window.type_into(&testid(id), &typed).await
    }

    pub async fn text(&self, id: &str) -> Result<String> {
        self.text_in(&testid(id)).await
    }

    /// As it is laid out. (The driver's own way leaves out what is cut by an ellipsis.)
    pub async fn text_in(&self, css: &str) -> Result<String> {
        let script = "return document.querySelector(arguments[0])?.innerText";
        let text = self.window.script(script, &[json!(css)]).await?;
        let text = text.as_str().with_context(|| format!("nothing matches {css}"))?;
        Ok(text.to_owned())
    }

    /// What a column says in the rows that are in the document, from the top.
    pub async fn cells(&self, table: &str, column: &str) -> Result<Vec<String>> {
        let found = self.window.script(CELLS, &[json!(table), json!(column)]).await?;
        Ok(serde_json::from_value(found)?)
    }

    /// What a column says in the row with this key.
    pub async fn cell(&self, table: &str, key: &str, column: &str) -> Result<String> {
        let css = format!("{} [data-col=\"{column}\"]", row(table, key));
        self.window.wait_for(&row(table, key), DEADLINE).await?;
        self.text_in(&css).await
    }

    /// Rows of a table, those outside the document included.
    pub async fn total(&self, table: &str) -> Result<i64> {
        let total = self.window.attribute(&testid(table), "data-total").await?;
        Ok(total.with_context(|| format!("{table} has no total"))?.parse()?)
    }

    /// Waits until a table has more rows than that, and says how many.
    pub async fn more_rows(&self, table: &str, than: i64) -> Result<i64> {
        let script = format!(
            "const total = Number(document.querySelector('[data-testid=\"{table}\"]')?.dataset.total); return total > {than} && total"
        );
        let total = self
            .until(&format!("more than {than} rows in {table}"), &script)
            .await?;
        total.as_i64().context("no number of rows")
    }

    /// Waits for a number in something's text that `enough` takes: the first one there, without its commas.
    pub async fn number(&self, id: &str, what: &str, enough: impl Fn(f64) -> bool) -> Result<f64> {
        let ask = || async {
            let text = self.text(id).await.ok()?;
            first_number(&text).filter(|number| enough(*number))
        };
        let found = eventually(&format!("{id} to be {what}"), DEADLINE, ask).await;
        match found {
            Ok(number) => Ok(number),
            Err(error) => {
                let text = self.text(id).await.unwrap_or_default();
                let picture = self.window.screenshot(&unique("failed")).await?;
                Err(error.context(format!("it says “{text}”, see {}", picture.display())))
            }
        }
    }

    /// Follows a link inside the window.
    pub async fn go(&self, hash: &str) -> Result<()> {
        self.window
            .script("window.location.hash = arguments[0]", &[json!(hash)])
            .await
            .map(drop)
    }

    /// Waits for a notice that says so, closes it, and gives its text.
    pub async fn notice(&self, text: &str) -> Result<String> {
        let css = testid("toast");
        self.see_text_in(&css, text).await?;
        let said = self.text_in(&css).await?;
        let close = format!("{css} button");
        let gone = || async {
            if self.window.count(&css).await.ok()? == 0 {
                return Some(());
            }
            // It may pass by itself meanwhile.
            let _ = self.window.click(&close).await;
            None
        };
        eventually("the notice to go", DEADLINE, gone).await?;
        Ok(said)
    }
}

pub fn row(table: &str, key: &str) -> String {
    format!("{} [data-testid=row][data-key=\"{key}\"]", testid(table))
}

/// `1,234 of 5` is 1234.
pub fn first_number(text: &str) -> Option<f64> {
    let start = text.find(|sign: char| sign.is_ascii_digit())?;
    let digits: String = text[start..]
        .chars()
        .take_while(|sign| sign.is_ascii_digit() || *sign == ',' || *sign == '.')
        .filter(|sign| *sign != ',')
        .collect();
    digits.trim_end_matches('.').parse().ok()
}
