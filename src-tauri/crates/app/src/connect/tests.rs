//! Definitions by a form: what is written, what is kept secret, and what is refused.

use super::*;
use crate::{App, OpenOptions, commands};

const COMMENTED: &str = "# the one that pays\nkind = \"kafka\"\ncolor = \"#f14c4c\" # red\nread_only = true\n\n[properties]\n\
                         # over the tunnel\n\"bootstrap.servers\" = \"a:1\"\n\n[topics.orders.value]\nformat = \"json\"\n";

async fn app(folder: &std::path::Path) -> App {
    std::fs::write(folder.join("tailrace.toml"), "name = \"test\"\n").unwrap();
    std::fs::create_dir(folder.join("clusters")).unwrap();
    std::fs::write(folder.join("clusters/prod.toml"), COMMENTED).unwrap();
    App::open(folder.to_owned(), OpenOptions::look()).await.unwrap()
}

fn request(name: &str, definition: ClusterDefinition) -> ClusterSaveRequest {
    ClusterSaveRequest {
        name: name.to_owned(),
        create: false,
        definition,
        secrets: BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_form_keeps_comments_and_refuses_what_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path()).await;
    let file = folder.path().join("clusters/prod.toml");
    let asked = ClusterRequest {
        cluster: "prod".to_owned(),
    };
    let mut definition = commands::cluster_definition(&app, asked)
        .await
        .unwrap()
        .definition;
    definition
        .properties
        .insert("client.id".to_owned(), "me".to_owned());
    commands::cluster_save(&app, request("prod", definition.clone()))
        .await
        .unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    for part in [
        "# the one that pays",
        "# red",
        "# over the tunnel",
        "\"client.id\" = \"me\"",
        "[topics.orders.value]",
    ] {
        assert!(written.contains(part), "{part} is not in {written}");
    }
    let create = ClusterSaveRequest {
        create: true,
        ..request("prod", definition.clone())
    };
    assert_eq!(
        commands::cluster_save(&app, create).await.unwrap_err().code,
        "cluster_exists"
    );
    let mut wrong = definition.clone();
    wrong.properties.insert("client.idd".to_owned(), "me".to_owned());
    assert_eq!(
        commands::cluster_save(&app, request("prod", wrong))
            .await
            .unwrap_err()
            .code,
        "unknown_property"
    );
    assert_eq!(
        commands::cluster_save(&app, request("../prod", definition))
            .await
            .unwrap_err()
            .code,
        "definition_name"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
    app.close().await;
}

#[test]
fn names_of_secrets() {
    assert_eq!(secret_name("prod", "sasl.password"), "prod.sasl.password");
    assert_eq!(secret_name("prod eu", "sasl.password"), "prod_eu.sasl.password");
    assert!(secret_name(&"x".repeat(90), "sasl.password").len() <= SECRET_NAME_CHARS_MAX);
}
