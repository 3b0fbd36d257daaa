//! The end of one check's work. The library goes into every choice of a schema, and choices within choices multiply: each
//! schema is marked with a word of our own that counts, and ends the check when the count is used up.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use jsonschema::{Keyword, ValidationError, ValidationOptions};
use serde_json::{Map, Value};

/// The word. Where it lands among the names of fields it allows a field of this name, which nobody has.
const WORD: &str = "tailrace:step";
/// Words whose objects are values or lists of names, not schemas.
const NO_SCHEMAS: [&str; 6] = [
    "const",
    "enum",
    "default",
    "examples",
    "dependentRequired",
    "$vocabulary",
];

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// What a used-up count unwinds with: caught in [`within`], and no panic, so no hook hears of it.
struct UsedUp;

struct Step;

impl Step {
    fn take() {
        match LEFT.get().checked_sub(1) {
            Some(left) => LEFT.set(left),
            None => resume_unwind(Box::new(UsedUp)),
        }
    }
}

impl<'i> Keyword<'i> for Step {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        Self::take();
        Ok(())
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        Self::take();
        true
    }
}

/// The options with the word that counts.
pub(super) fn counted(options: ValidationOptions<'_>) -> ValidationOptions<'_> {
    options.with_keyword(WORD, |_, _, _| Ok(Box::new(Step) as Box<dyn for<'i> Keyword<'i>>))
}

/// Writes the word into every schema within.
pub(super) fn mark(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (word, within) in fields.iter_mut() {
                if !NO_SCHEMAS.contains(&word.as_str()) {
                    mark(within);
                }
            }
            fields.insert(WORD.to_owned(), Value::Object(Map::new()));
        }
        Value::Array(items) => items.iter_mut().for_each(mark),
        _ => {}
    }
}

/// The outcome, unless it takes more than so many steps.
pub(super) fn within<T>(steps_max: usize, check: impl FnOnce() -> T) -> Option<T> {
    let before = LEFT.replace(steps_max);
    let outcome = catch_unwind(AssertUnwindSafe(check));
    LEFT.set(before);
    match outcome {
        Ok(outcome) => Some(outcome),
        Err(end) if end.is::<UsedUp>() => None,
        // A fault of the library's own goes on as it was.
        Err(fault) => resume_unwind(fault),
    }
}
