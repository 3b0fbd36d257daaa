//! Commands by name, for the window: made from the list in the model.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tailrace_model::{Error, Result, api::*, for_each_command};

use crate::{App, commands};

fn read<T: DeserializeOwned>(name: &str, request: Value) -> Result<T> {
    serde_json::from_value(request).map_err(|error| {
        Error::internal(
            "bad_request",
            format!("the request of {name} can't be read: {error}"),
        )
    })
}

fn write<T: Serialize>(name: &str, response: &T) -> Result<Value> {
    serde_json::to_value(response).map_err(|error| {
        Error::internal(
            "bad_response",
            format!("the response of {name} can't be written: {error}"),
        )
    })
}

macro_rules! dispatch {
    ($($name:ident($request:ty) -> $response:ty;)*) => {
        impl App {
            /// Runs the command of this name.
            pub async fn call(&self, name: &str, request: Value) -> Result<Value> {
                match name {
                    $(
                        stringify!($name) => {
                            // In a box: the largest body would be part of every caller's stack.
                            let body = Box::pin(commands::$name(self, read::<$request>(name, request)?));
                            let response: $response = body.await?;
                            write(name, &response)
                        }
                    )*
                    _ => Err(Error::internal("unknown_command", format!("there is no command {name}"))),
                }
            }
        }
    };
}
for_each_command!(dispatch);
