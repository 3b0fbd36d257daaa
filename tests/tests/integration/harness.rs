//! The harness itself: that each server it gives is real, is apart from the others, and is gone afterwards.

use std::{path::Path, time::Duration};

use integration::{
    Unavailable,
    cli::Cli,
    http::{Http, Reply},
    kafka::{Kafka, Record},
    need,
    postgres::Postgres,
    process::Program,
    record_skipped_in, unique,
    window::{Options, Window},
};
use sqlx::{Connection, PgConnection, Row};

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn kafka_gives_back_what_was_produced() -> anyhow::Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("round-trip");
    kafka.create_topic(&topic, 2).await?;
    let records = [
        Record::new("a", "one").at(1_700_000_000_000).on_partition(0),
        Record::new("b", "two")
            .at(1_700_000_000_001)
            .on_partition(1)
            .header("h", "v"),
        Record {
            key: Some(b"a".to_vec()),
            partition: Some(0),
            ..Record::default()
        },
    ];
    assert_eq!(kafka.produce(&topic, records).await?, 3);
    let found = kafka.consume(&topic).await?;
    let brief: Vec<_> = found
        .iter()
        .map(|r| (r.partition, r.offset, r.value.as_deref()))
        .collect();
    assert_eq!(
        brief,
        [(0, 0, Some(&b"one"[..])), (0, 1, None), (1, 0, Some(&b"two"[..]))]
    );
    assert_eq!(found[0].timestamp_ms, Some(1_700_000_000_000));
    Ok(())
}

#[tokio::test]
async fn kafka_keeps_its_records_when_the_plug_is_pulled() -> anyhow::Result<()> {
    let mut kafka = need!(Kafka::start().await);
    kafka.create_topic("kept", 1).await?;
    kafka.produce("kept", [("k", "v", 1_000)]).await?;
    let bootstrap = kafka.bootstrap();
    kafka.stop().await?;
    assert!(
        tokio::net::TcpStream::connect(&bootstrap).await.is_err(),
        "it still listens"
    );
    kafka.restart().await?;
    assert_eq!(kafka.bootstrap(), bootstrap);
    kafka.kill().await?;
    kafka.restart().await?;
    assert_eq!(kafka.consume("kept").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn kafka_says_which_topic_is_missing() -> anyhow::Result<()> {
    let kafka = need!(Kafka::shared().await);
    let error = kafka.produce("nowhere", [("k", "v", 0)]).await.unwrap_err();
    assert!(format!("{error:#}").contains("nowhere"), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn postgres_databases_are_apart() -> anyhow::Result<()> {
    let postgres = need!(Postgres::shared().await);
    let (one, two) = (postgres.database("one").await?, postgres.database("two").await?);
    let mut connection = PgConnection::connect(&one).await?;
    sqlx::raw_sql("CREATE TABLE t AS SELECT 7 AS x")
        .execute(&mut connection)
        .await?;
    let row = sqlx::query("SELECT x FROM t").fetch_one(&mut connection).await?;
    assert_eq!(row.get::<i32, _>(0), 7);
    let mut other = PgConnection::connect(&two).await?;
    assert!(
        sqlx::query("SELECT x FROM t")
            .fetch_one(&mut other)
            .await
            .is_err()
    );
    Ok(())
}

#[tokio::test]
async fn postgres_keeps_its_rows_over_a_stop_and_wants_its_password() -> anyhow::Result<()> {
    let mut postgres = need!(Postgres::start().await);
    sqlx::raw_sql("CREATE TABLE t AS SELECT 7 AS x")
        .execute(&mut postgres.connect().await?)
        .await?;
    let wrong = postgres.url().replace(postgres.password(), "wrong");
    assert!(PgConnection::connect(&wrong).await.is_err());
    postgres.stop().await?;
    assert!(postgres.connect().await.is_err(), "it still answers");
    postgres.restart().await?;
    let row = sqlx::query("SELECT x FROM t")
        .fetch_one(&mut postgres.connect().await?)
        .await?;
    assert_eq!(row.get::<i32, _>(0), 7);
    Ok(())
}

#[tokio::test]
async fn http_keeps_requests_and_answers_as_told() -> anyhow::Result<()> {
    let http = Http::start().await?;
    let client = reqwest::Client::new();
    http.next_replies([Reply::status(503).header("retry-after", "1")]);
    http.answer(|request| Reply::status(if request.path == "/no" { 400 } else { 200 }));
    let busy = client
        .post(http.url("/hook?a=1"))
        .header("X-Key", "k")
        .body(r#"{"n":1}"#)
        .send()
        .await?;
    assert_eq!(
        (busy.status().as_u16(), busy.headers()["retry-after"].to_str()?),
        (503, "1")
    );
    assert_eq!(client.get(http.url("/no")).send().await?.status().as_u16(), 400);
    assert_eq!(client.get(http.url("/yes")).send().await?.status().as_u16(), 200);
    let received = http.wait_for(3, DEADLINE).await?;
    assert_eq!(
        (received[0].method.as_str(), received[0].query.as_str()),
        ("POST", "a=1")
    );
    assert_eq!(
        (received[0].header("x-key"), received[0].json()?["n"].as_i64()),
        (Some("k"), Some(1))
    );
    http.next_replies([Reply::hang()]);
    let impatient = client
        .get(http.url("/"))
        .timeout(Duration::from_millis(200))
        .send()
        .await;
    assert!(impatient.unwrap_err().is_timeout());
    Ok(())
}

const PAGE: &str = r#"<!doctype html><title>A page</title>
<input id="name" data-testid="name"><button onclick="document.body.append(
  Object.assign(document.createElement('p'), {id: 'said', textContent: 'Hello, ' + document.getElementById('name').value}))"
>Say</button><script>
  addEventListener('keydown', event => { if (event.ctrlKey && event.key === 'k') document.title = 'palette'; });
</script>"#;

/// The browser that comes with WebKitGTK, where it is installed: the same driver, display and web view as the
/// window's own, with nothing of the window in between.
#[tokio::test]
async fn a_web_view_can_be_driven_and_pictured() -> anyhow::Result<()> {
    let browser = need!(mini_browser());
    let http = Http::start().await?;
    http.answer(|_| Reply::status(200).header("content-type", "text/html").body(PAGE));
    let window = need!(Window::open(&Options::new(browser).arg("--automation").size(800, 600)).await);
    window.go(&http.url("/page")).await?;
    assert_eq!(window.title().await?, "A page");
    window.type_into("#name", "you").await?;
    window.click("button").await?;
    window.wait_for_text("#said", "Hello, you", DEADLINE).await?;
    window.fill("#name", "me").await?;
    assert_eq!(
        window
            .script(
                "return document.getElementById('name').value + arguments[0]",
                &["!".into()]
            )
            .await?,
        "me!"
    );
    window.press("Control+k").await?;
    window
        .wait_until(
            "the shortcut's effect",
            "return document.title === 'palette'",
            DEADLINE,
        )
        .await?;
    assert!(window.memory_bytes()? > 10 << 20);
    let picture = std::fs::read(window.screenshot("harness").await?)?;
    assert!(picture.starts_with(b"\x89PNG"));
    let missing = window
        .wait_for("#missing", Duration::from_millis(300))
        .await
        .unwrap_err();
    let message = format!("{missing:#}");
    assert!(
        message.contains("#missing") && message.contains(".png"),
        "{message}"
    );
    window.close(DEADLINE).await?;
    Ok(())
}

fn mini_browser() -> Result<std::path::PathBuf, Unavailable> {
    let folders = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut found = folders
        .map(|folder| folder.join("webkit2gtk-4.1/MiniBrowser"))
        .filter(|path| path.is_file());
    found
        .next()
        .ok_or_else(|| Unavailable::new("MiniBrowser", "WebKitGTK is installed without it"))
}

/// Whatever a program starts goes with it, and its folder too.
#[tokio::test]
async fn nothing_outlives_its_handle() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let script = "sleep 600 & echo $! $$; wait";
    let process = Program::new("family", folder.path(), "bash")
        .args(["-c", script])
        .start()?;
    let printed = integration::eventually("two process numbers", DEADLINE, || {
        let said = process.stdout();
        async move { said.ends_with('\n').then_some(said) }
    });
    let pids: Vec<String> = printed.await?.split_whitespace().map(str::to_owned).collect();
    assert_eq!(pids.len(), 2);
    let alive = |pid: &String| Path::new("/proc").join(pid).exists();
    assert!(pids.iter().all(alive));
    drop(process);
    integration::eventually("both to be gone", DEADLINE, || {
        let gone = !pids.iter().any(alive);
        async move { gone.then_some(()) }
    })
    .await?;
    assert!(!folder.path().exists());
    Ok(())
}

#[tokio::test]
async fn a_process_reports_its_exit_code_and_output() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let error = Program::new("fails", folder.path(), "bash").args(["-c", "echo out; echo err >&2; exit 3"]);
    let mut process = error.start()?;
    assert_eq!(process.wait(DEADLINE).await?.code(), Some(3));
    assert_eq!(
        (process.stdout().as_str(), process.stderr().as_str()),
        ("out\n", "err\n")
    );
    Ok(())
}

#[tokio::test]
async fn the_command_line_runs_and_misuse_has_its_own_code() -> anyhow::Result<()> {
    let cli = need!(Cli::new());
    let help = cli.run(&["--help"], DEADLINE).await?.exits(0)?;
    assert!(
        help.stdout.contains("tail") && help.stdout.contains("demo"),
        "{}",
        help.stdout
    );
    let misuse = cli.run(&["--no-such-flag"], DEADLINE).await?.exits(2)?;
    assert!(
        misuse.stderr.contains("--no-such-flag") && misuse.stdout.is_empty(),
        "{misuse:?}"
    );
    assert!(cli.run(&["--help"], DEADLINE).await?.exits(3).is_err());
    Ok(())
}

#[test]
fn a_test_that_did_not_run_is_never_silent() {
    let unavailable = Unavailable::new("Something", "it is not\ninstalled");
    let inside = "integration::area::name::{{closure}}::here";
    assert!(
        record_skipped_in(None, inside, &unavailable)
            .unwrap_err()
            .contains("area::name")
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("skipped");
    record_skipped_in(Some(&file), inside, &unavailable).unwrap();
    record_skipped_in(Some(&file), inside, &unavailable).unwrap();
    let line = "area::name: Something could not be had: it is not installed\n";
    assert_eq!(std::fs::read_to_string(&file).unwrap(), line.repeat(2));
}
