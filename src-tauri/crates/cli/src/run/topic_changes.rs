//! Changes of topics: shown, asked once, done.

use std::collections::BTreeMap;

use tailrace_app::{App, commands as run};
use tailrace_model::{Error, api::*};

use super::changes::{Shown, carry_out};
use crate::{Outcome, args::TopicVerb, output::Output};

fn misuse(message: impl Into<String>) -> Error {
    Error::user("misuse", message)
}

/// `TOPIC`, `CLUSTER/TOPIC`, or `CLUSTER/` for the same topic there. A topic has no slash in its name.
pub fn topic_ref(text: &str, here: &TopicRef) -> TopicRef {
    match text.split_once('/') {
        None => TopicRef {
            cluster: here.cluster.clone(),
            topic: text.to_owned(),
        },
        Some((cluster, topic)) => TopicRef {
            cluster: cluster.to_owned(),
            topic: if topic.is_empty() {
                here.topic.clone()
            } else {
                topic.to_owned()
            },
        },
    }
}

fn settings(given: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut settings = BTreeMap::new();
    for text in given {
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or_else(|| misuse(format!("\"{text}\" is no setting: write NAME=VALUE")))?;
        if settings
            .insert(name.trim().to_owned(), value.trim().to_owned())
            .is_some()
        {
            return Err(misuse(format!("{} is given twice", name.trim())));
        }
    }
    Ok(settings)
}

fn point(before: Option<&str>, at: &[String]) -> Result<DeleteBefore, Error> {
    let Some(before) = before else {
        let own = |text: &String| {
            let (partition, offset) = text.split_once(':')?;
            Some(PartitionStart {
                partition: partition.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        let offsets = at
            .iter()
            .map(|text| own(text).ok_or_else(|| misuse(format!("\"{text}\" is not PARTITION:OFFSET"))));
        return offsets.collect::<Result<_, _>>().map(DeleteBefore::Offsets);
    };
    let wrong = || {
        misuse(format!(
            "\"{before}\" is no point: write an offset, s@TIME or end"
        ))
    };
    match before.strip_prefix("s@") {
        _ if before == "end" => Ok(DeleteBefore::End),
        Some(time) => super::tail::moment(time)
            .map(DeleteBefore::Timestamp)
            .map_err(|_| wrong()),
        None => before
            .parse()
            .ok()
            .filter(|offset| *offset >= 0)
            .map(DeleteBefore::Offset)
            .ok_or_else(wrong),
    }
}

/// The change, the cluster it is of, and whether it was agreed to beforehand.
fn read(verb: TopicVerb) -> Result<(TopicChangeRequest, bool), Error> {
    let (cluster, change, yes) = match verb {
        TopicVerb::Create {
            cluster,
            topic,
            partitions,
            replication,
            configs,
            like,
            yes,
        } => {
            let here = TopicRef {
                cluster: cluster.clone(),
                topic: topic.clone(),
            };
            let change = TopicChange::Create {
                partitions,
                replication,
                configs: settings(&configs)?,
                copy_from: like.map(|like| topic_ref(&like, &here)),
                topic,
            };
            (cluster, change, yes)
        }
        TopicVerb::Alter {
            cluster,
            topic,
            set,
            reset,
            yes,
        } => {
            if set.is_empty() && reset.is_empty() {
                return Err(misuse("nothing to change: give --set NAME=VALUE or --reset NAME"));
            }
            let set = settings(&set)?;
            (cluster, TopicChange::AlterConfig { topic, set, reset }, yes)
        }
        TopicVerb::AddPartitions {
            cluster,
            topic,
            total,
            yes,
        } => (cluster, TopicChange::AddPartitions { topic, total }, yes),
        TopicVerb::DeleteRecords {
            cluster,
            topic,
            before,
            at,
            partitions,
            yes,
        } => {
            let before = point(before.as_deref(), &at)?;
            let change = TopicChange::DeleteRecords {
                topic,
                before,
                partitions,
            };
            (cluster, change, yes)
        }
        TopicVerb::Delete { cluster, topic, yes } => (cluster, TopicChange::Delete { topic }, yes),
        TopicVerb::CopySettings {
            cluster,
            topic,
            from,
            yes,
        } => {
            let here = TopicRef {
                cluster: cluster.clone(),
                topic: topic.clone(),
            };
            let from = topic_ref(&from, &here);
            (cluster, TopicChange::CopySettings { topic, from }, yes)
        }
        TopicVerb::Compare { .. } => return Err(misuse("comparing changes nothing")),
    };
    Ok((TopicChangeRequest { cluster, change }, yes))
}

pub async fn change(app: &App, verb: TopicVerb, output: &Output) -> anyhow::Result<Outcome> {
    let (request, yes) = read(verb)?;
    let cluster = request.cluster.clone();
    let preview = run::topic_change_preview(app, request).await?;
    let request = TopicChangeRequest {
        cluster,
        change: preview.change.clone(),
    };
    let shown = Shown {
        title: &preview.title,
        lines: &preview.lines,
        warnings: &preview.warnings,
        nothing: preview.nothing,
    };
    let apply = async { Ok(run::topic_change_apply(app, request).await?.done) };
    carry_out(shown, &preview, apply, yes, output).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points() {
        let check = |text: &str, expected: Option<DeleteBefore>| {
            assert_eq!(point(Some(text), &[]).ok(), expected, "{text}");
        };
        check("500", Some(DeleteBefore::Offset(500)));
        check("end", Some(DeleteBefore::End));
        check(
            "s@1700000000000",
            Some(DeleteBefore::Timestamp(1_700_000_000_000)),
        );
        check(
            "s@2026-01-02T00:00:00Z",
            Some(DeleteBefore::Timestamp(1_767_312_000_000)),
        );
        check("-5", None);
        check("s@soon", None);
        let own = point(None, &["3:70".to_owned()]).expect("offsets");
        assert_eq!(
            own,
            DeleteBefore::Offsets(vec![PartitionStart {
                partition: 3,
                offset: 70
            }])
        );
        assert!(point(None, &["3".to_owned()]).is_err());
    }

    #[test]
    fn topics_of_other_clusters() {
        let here = TopicRef {
            cluster: "prod".into(),
            topic: "orders".into(),
        };
        let check = |text: &str, cluster: &str, topic: &str| {
            let found = topic_ref(text, &here);
            assert_eq!(
                (found.cluster.as_str(), found.topic.as_str()),
                (cluster, topic),
                "{text}"
            );
        };
        check("clicks", "prod", "clicks");
        check("staging/clicks", "staging", "clicks");
        check("staging/", "staging", "orders");
    }

    #[test]
    fn settings_are_names_and_values() {
        let read = settings(&["cleanup.policy=compact,delete".into(), " a = b=c ".into()]).expect("settings");
        assert_eq!(read["cleanup.policy"], "compact,delete");
        assert_eq!(read["a"], "b=c");
        assert!(settings(&["a".into()]).is_err());
        assert!(settings(&["a=1".into(), "a=2".into()]).is_err());
    }
}
