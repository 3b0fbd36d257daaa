//! A cluster by the form, wrong at first; another by a file dropped onto the window.

use anyhow::{Context, Result, ensure};
use integration::{
    secure::{PASSWORD, USER},
    window::testid,
};

use super::{CLUSTER, Stage};
use crate::window_journey::drive::DEADLINE;

const NAME: &str = "secured";

pub async fn by_the_form(stage: &Stage<'_>) -> Result<()> {
    let drive = &stage.drive;
    drive.screen("clusters").await?;
    drive
        .see_text("screen-clusters", "This workspace has no cluster")
        .await?;
    stage.picture("clusters-none").await?;
    drive.click("cluster-add").await?;
    drive.write("cluster-name", NAME).await?;

    // Nobody listens there: the step is named, and what can be done about it.
    drive
        .write(
            "cluster-servers",
            &format!("127.0.0.1:{}", integration::free_port()?),
        )
        .await?;
    failed_at(stage, "tcp", "127.0.0.1").await?;
    stage.picture("connect-wrong-port").await?;

    drive.write("cluster-servers", &stage.secure.at("SCRAM")?).await?;
    drive.choose("cluster-security", "scram512").await?;
    drive
        .write("cluster-field-ssl.ca.location", &stage.secure.file("ca.pem"))
        .await?;
    drive.write("cluster-field-sasl.username", USER).await?;
    drive.write("cluster-field-sasl.password", "hunter2").await?;
    failed_at(stage, "sasl", "SCRAM-SHA-512").await?;
    stage.picture("connect-wrong-password").await?;

    drive.write("cluster-field-sasl.password", PASSWORD).await?;
    drive.click("cluster-try").await?;
    drive
        .window
        .wait_for(&format!("{}[data-ok=true]", testid("connection-test")), DEADLINE)
        .await?;
    stage.picture("connect-right").await?;
    drive.click("cluster-save").await?;
    drive.notice(&format!("{NAME} was added")).await?;

    let file = stage.workspace.join(format!("clusters/{NAME}.toml"));
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let parsed: toml::Value = toml::from_str(&text)?;
    let property = |name: &str| {
        parsed["properties"]
            .get(name)
            .and_then(|it| it.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    ensure!(
        property("bootstrap.servers") == stage.secure.at("SCRAM")?
            && property("sasl.mechanism") == "SCRAM-SHA-512"
            && property("sasl.username") == USER
            && property("sasl.password").starts_with("secret:"),
        "{text}"
    );
    ensure!(
        !text.contains("alice's") && !text.contains("hunter2"),
        "a password is in the file: {text}"
    );
    // What is saved is what was tested: it logs in with the secret that was put away.
    drive.click("cluster-test").await?;
    drive
        .window
        .wait_for(&format!("{}[data-ok=true]", testid("connection-test")), DEADLINE)
        .await?;
    drive.more_rows("brokers", 0).await?;
    stage.picture("cluster").await
}

/// Tests what the form holds: it fails at this step, which says so.
async fn failed_at(stage: &Stage<'_>, step: &str, says: &str) -> Result<()> {
    let drive = &stage.drive;
    drive.click("cluster-try").await?;
    let css = format!("{}[data-ok=false]", testid(&format!("step-{step}")));
    drive.window.wait_for(&css, DEADLINE).await?;
    let said = drive.text("connection-test").await?;
    ensure!(said.contains(says), "{step}: {said}");
    let failed = drive
        .window
        .count(&format!("{} [data-ok=false]", testid("connection-test")))
        .await?;
    ensure!(failed == 1, "{failed} steps failed: {said}");
    Ok(())
}

/// A file of a Java client, dragged from another program and let go over the window.
pub async fn by_a_dropped_file(stage: &Stage<'_>) -> Result<()> {
    let drive = &stage.drive;
    drive.screen("clusters").await?;
    let file = stage.workspace.join("client.properties");
    let text = format!(
        "# of the shop's services\nbootstrap.servers={}\nsecurity.protocol=PLAINTEXT\nkey.deserializer=org.apache.kafka.common.serialization.StringDeserializer\n",
        stage.secure.kafka.bootstrap()
    );
    std::fs::write(&file, text)?;
    drive.window.drop_files(&[file]).await?;
    drive.see("import-lines").await?;
    drive.write("import-name", CLUSTER).await?;
    drive
        .see_text("import-dialog", &format!("clusters/{CLUSTER}.toml"))
        .await?;
    stage.picture("import-dropped").await?;
    drive.click("import-action").await?;
    drive.notice("was written").await?;
    let file = stage.workspace.join(format!("clusters/{CLUSTER}.toml"));
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    ensure!(
        text.contains(&stage.secure.kafka.bootstrap()) && !text.contains("deserializer"),
        "{text}"
    );
    drive.click("cluster-use").await?;
    drive.see_text("cluster-menu", CLUSTER).await
}
