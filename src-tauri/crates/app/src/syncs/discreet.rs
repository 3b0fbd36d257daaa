//! A destination that repeats none of its secrets, whatever its system says: errors, refusals and checks go to the state,
//! the window and the log.

use async_trait::async_trait;
use serde_json::{Map, Value};
use tailrace_connectors::{
    delivery::{DeliveryBatch, Pace, RowOutcome, SyncContext},
    destinations::{Destination, Failure, Wants},
};
use tailrace_model::Result;
use tokio_util::sync::CancellationToken;

use crate::secrets::Resolved;

/// See the module's text.
pub struct Discreet {
    pub destination: Box<dyn Destination>,
    pub settings: Resolved<Map<String, Value>>,
}

#[async_trait]
impl Destination for Discreet {
    fn target(&self) -> String {
        self.destination.target()
    }

    fn identity(&self) -> String {
        self.destination.identity()
    }

    fn wants(&self) -> Wants {
        self.destination.wants()
    }

    fn pace(&self) -> Pace {
        self.destination.pace()
    }

    fn place(&self, sync: &SyncContext) -> Result<String> {
        self.destination.place(sync)
    }

    async fn is_there(&self, sync: &SyncContext) -> Result<bool> {
        let found = self.destination.is_there(sync).await;
        found.map_err(|error| self.settings.redact_error(error))
    }

    async fn check(&self, cancel: &CancellationToken) -> Result<String> {
        match self.destination.check(cancel).await {
            Ok(found) => Ok(self.settings.redact(&found)),
            Err(error) => Err(self.settings.redact_error(error)),
        }
    }

    async fn deliver(&self, sync: &SyncContext, batch: &DeliveryBatch) -> Result<Vec<RowOutcome>, Failure> {
        let mut outcomes = match self.destination.deliver(sync, batch).await {
            Ok(outcomes) => outcomes,
            Err(failure) => {
                return Err(Failure {
                    error: self.settings.redact_error(failure.error),
                    ..failure
                });
            }
        };
        for outcome in &mut outcomes {
            if let RowOutcome::Refused { reason, .. } = outcome {
                *reason = self.settings.redact(reason);
            }
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatch;
    use serde_json::json;
    use tailrace_connectors::destinations::FailureKind;
    use tailrace_model::Error;

    use super::*;
    use crate::{secrets::SecretStore, workspace::ConfigDir};

    /// Says the secret whenever it is asked.
    struct Indiscreet;

    #[async_trait]
    impl Destination for Indiscreet {
        fn target(&self) -> String {
            "here".to_owned()
        }

        fn wants(&self) -> Wants {
            Wants::Difference
        }

        fn pace(&self) -> Pace {
            Pace::default()
        }

        fn place(&self, _: &SyncContext) -> Result<String> {
            Ok("table".to_owned())
        }

        async fn check(&self, cancel: &CancellationToken) -> Result<String> {
            match cancel.is_cancelled() {
                true => Err(Error::refused("login", "no such token: hush-hush")),
                false => Ok("logged in with hush-hush".to_owned()),
            }
        }

        async fn deliver(&self, _: &SyncContext, batch: &DeliveryBatch) -> Result<Vec<RowOutcome>, Failure> {
            if batch.idempotency_key == "fail" {
                return Err(Failure::split(Error::refused("no", "hush-hush is wrong")));
            }
            let reason = "hush-hush may not".to_owned();
            Ok(vec![RowOutcome::Refused { reason, retry: true }])
        }
    }

    #[tokio::test]
    async fn nothing_that_a_destination_says_holds_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let environment = |_: &str| Some("hush-hush".to_owned());
        let secrets = SecretStore::with(
            &ConfigDir::at(dir.path()),
            Box::new(environment),
            Box::new(|_| true),
        );
        let settings = json!({ "url": "secret:token" });
        let discreet = Discreet {
            destination: Box::new(Indiscreet),
            settings: secrets.resolve_settings(settings.as_object().unwrap()).unwrap(),
        };
        let cancel = CancellationToken::new();
        assert_eq!(discreet.check(&cancel).await.unwrap(), "logged in with ***");
        cancel.cancel();
        assert_eq!(
            discreet.check(&cancel).await.unwrap_err().message,
            "no such token: ***"
        );
        let sync = SyncContext {
            sync: "x".to_owned(),
            audience: "all".to_owned(),
            key: "user_id".to_owned(),
            options: Map::new(),
            run: uuid::Uuid::from_u128(1),
        };
        let batch = |key: &str| DeliveryBatch {
            upserts: RecordBatch::new_empty(arrow::datatypes::Schema::empty().into()),
            removes: RecordBatch::new_empty(arrow::datatypes::Schema::empty().into()),
            idempotency_key: key.to_owned(),
        };
        let failure = discreet.deliver(&sync, &batch("fail")).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.error.message.as_str()),
            (FailureKind::Split, "*** is wrong")
        );
        let reason = "*** may not".to_owned();
        assert_eq!(
            discreet.deliver(&sync, &batch("refuse")).await.unwrap(),
            [RowOutcome::Refused { reason, retry: true }]
        );
    }
}
