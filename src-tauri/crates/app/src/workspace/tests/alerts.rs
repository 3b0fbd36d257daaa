//! Alerts written by the window: comments stay, empty lists are left out, what would be a problem is refused.

use tailrace_model::{AlertDefinition, AlertStatus, AlertWebhook};

use super::*;

fn alert() -> AlertDefinition {
    AlertDefinition {
        title: None,
        clusters: Vec::new(),
        groups: vec!["billing-*".to_owned()],
        lag: None,
        lag_time: Some("5 minutes".parse().unwrap()),
        status: vec![AlertStatus::Err],
        sources: Vec::new(),
        violations: None,
        hold: "1 minute".parse().unwrap(),
        desktop: true,
        webhook: Some(AlertWebhook {
            url: "https://hooks.example.org".to_owned(),
            headers: [("Authorization".to_owned(), "secret:hook".to_owned())].into(),
        }),
        enabled: true,
    }
}

#[test]
fn a_new_alert_says_what_it_watches_for() {
    let (dir, mut workspace) = workspace(&[]);
    workspace.save_alert("billing", &alert()).unwrap();
    let text = std::fs::read_to_string(dir.path().join("alerts/billing.toml")).unwrap();
    assert!(
        text.contains("groups = [\"billing-*\"]\n") && text.contains("for = \"1 minute\"\n"),
        "{text}"
    );
    assert!(
        text.contains("[webhook]\n") && !text.contains("clusters"),
        "{text}"
    );
    let (_, saved) = workspace.definitions.valid_alerts().next().unwrap();
    assert_eq!(saved, &alert());
    workspace.delete_alert("billing").unwrap();
    assert!(!dir.path().join("alerts/billing.toml").exists());
    assert_eq!(workspace.definitions.valid_alerts().count(), 0);
    assert_eq!(
        workspace.delete_alert("billing").unwrap_err().code,
        "unknown_alert"
    );
}

#[test]
fn what_a_person_wrote_stays() {
    let before = "# Asked for by billing.\nlag_time = \"5m\"   # as agreed\nstatus = [\"err\"]\ngroups = [\"billing-*\"]\nfor = \"60 seconds\"\n\n[webhook]\nurl = \"https://hooks.example.org\"\nheaders = { Authorization = \"secret:hook\" }\n";
    let (dir, mut workspace) = workspace(&[("alerts/billing.toml", before)]);
    let mut changed = workspace.definitions.valid_alerts().next().unwrap().1.clone();
    changed.lag = Some(1_000);
    changed.status.clear();
    workspace.save_alert("billing", &changed).unwrap();
    let text = std::fs::read_to_string(dir.path().join("alerts/billing.toml")).unwrap();
    assert!(
        text.starts_with("# Asked for by billing.\nlag_time = \"5m\"   # as agreed\n"),
        "{text}"
    );
    assert!(
        text.contains("lag = 1000\n") && !text.contains("status"),
        "{text}"
    );
}

#[test]
fn what_would_be_a_problem_is_refused() {
    let (dir, mut workspace) = workspace(&[]);
    let mut check = |name: &str, change: fn(&mut AlertDefinition), expected: &str| {
        let mut wrong = alert();
        change(&mut wrong);
        let error = workspace.save_alert(name, &wrong).unwrap_err();
        assert!(error.message.contains(expected), "{error}");
        assert!(!dir.path().join(format!("alerts/{name}.toml")).exists(), "{name}");
    };
    check("a b", |_| {}, "can't name an alert");
    check(
        "nothing",
        |it| (it.lag_time, it.status) = (None, Vec::new()),
        "watches for nothing",
    );
    check("zero", |it| it.lag = Some(0), "always holds");
    check(
        "nowhere",
        |it| it.clusters = vec!["prod".to_owned()],
        "there is no cluster \"prod\"",
    );
    check(
        "hook",
        |it| it.webhook.as_mut().unwrap().url = "ftp://x".to_owned(),
        "has to begin with https://",
    );
}
