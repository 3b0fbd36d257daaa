//! A value against a schema, word by word.

use serde_json::{Map, Value};

use super::*;

pub(super) struct Check<'s> {
    pub of: &'s JsonSchema,
    pub steps: usize,
}

impl<'s> Check<'s> {
    pub fn value(&mut self, at: At<'s>, value: &Value, depth: usize) -> Fits {
        self.steps += 1;
        if depth > DEPTH_MAX || self.steps > STEPS_MAX {
            return Err(Misfit::new("the schema goes too deep to be checked"));
        }
        let object = match at.schema {
            Value::Bool(true) => return Ok(()),
            Value::Object(object) => object,
            _ => return Err(Misfit::new("the schema allows nothing here")),
        };
        if let Some(Value::String(reference)) = object.get("$ref") {
            let to = self
                .of
                .resolve(at, reference)
                .map_err(|error| Misfit::new(error.message))?;
            self.value(to, value, depth + 1)?;
        }
        plain(object, value)?;
        match value {
            Value::Number(_) => number(object, value)?,
            Value::String(text) => self.text(object, text)?,
            Value::Array(items) => self.items(at, object, items, depth)?,
            Value::Object(fields) => self.fields(at, object, fields, depth)?,
            Value::Null | Value::Bool(_) => {}
        }
        self.combined(at, object, value, depth)
    }

    fn fits(&mut self, at: At<'s>, schema: &'s Value, value: &Value, depth: usize) -> Fits {
        self.value(At { schema, ..at }, value, depth + 1)
    }

    fn combined(&mut self, at: At<'s>, object: &'s Map<String, Value>, value: &Value, depth: usize) -> Fits {
        for schema in list(object, "allOf") {
            self.fits(at, schema, value, depth)?;
        }
        if let Some(Value::Array(schemas)) = object.get("anyOf") {
            let mut misfits = Vec::new();
            for schema in schemas {
                match self.fits(at, schema, value, depth) {
                    Ok(()) => {
                        misfits.clear();
                        break;
                    }
                    Err(misfit) => misfits.push(misfit),
                }
            }
            if let Some(misfit) = nearest(misfits) {
                return Err(misfit);
            }
        }
        if let Some(Value::Array(schemas)) = object.get("oneOf") {
            let (mut fitting, mut misfits) = (0, Vec::new());
            for schema in schemas {
                match self.fits(at, schema, value, depth) {
                    Ok(()) => fitting += 1,
                    Err(misfit) => misfits.push(misfit),
                }
            }
            match fitting {
                1 => {}
                0 => {
                    return Err(nearest(misfits)
                        .unwrap_or_else(|| Misfit::new("it fits none of the schema's choices")));
                }
                more => {
                    return Err(Misfit::new(format!(
                        "it fits {more} of the schema's choices, and one is wanted"
                    )));
                }
            }
        }
        if let Some(schema) = object.get("not")
            && self.fits(at, schema, value, depth).is_ok()
        {
            return Err(Misfit::new("it is what the schema says that it must not be"));
        }
        if let Some(schema) = object.get("if") {
            let then = match self.fits(at, schema, value, depth) {
                Ok(()) => "then",
                Err(_) => "else",
            };
            if let Some(schema) = object.get(then) {
                self.fits(at, schema, value, depth)?;
            }
        }
        Ok(())
    }

    fn text(&self, object: &Map<String, Value>, text: &str) -> Fits {
        let count = text.chars().count() as u64;
        bounds(object, count, "minLength", "maxLength", "characters")?;
        match object.get("pattern").and_then(Value::as_str) {
            Some(pattern)
                if !self
                    .of
                    .patterns
                    .get(pattern)
                    .is_some_and(|read| read.is_match(text)) =>
            {
                Err(Misfit::new(format!(
                    "{} does not match the pattern `{pattern}`",
                    kind_of(&Value::from(text))
                )))
            }
            _ => Ok(()),
        }
    }

    fn items(&mut self, at: At<'s>, object: &'s Map<String, Value>, items: &[Value], depth: usize) -> Fits {
        bounds(object, items.len() as u64, "minItems", "maxItems", "items")?;
        if object.get("uniqueItems") == Some(&Value::Bool(true)) {
            for (at, item) in items.iter().enumerate() {
                if items[..at].contains(item) {
                    return Err(Misfit::new("it is in the list twice").at_index(at));
                }
            }
        }
        // Until 2019-09 `items` may be a list, with `additionalItems` for the rest; since then `prefixItems` and `items`.
        let (first, rest) = match (object.get("items"), object.get("prefixItems")) {
            (Some(Value::Array(first)), _) => (first.as_slice(), object.get("additionalItems")),
            (rest, Some(Value::Array(first))) => (first.as_slice(), rest),
            (rest, _) => (&[][..], rest),
        };
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = first.get(index).or(rest) {
                self.fits(at, schema, item, depth)
                    .map_err(|misfit| misfit.at_index(index))?;
            }
        }
        if let Some(schema) = object.get("contains") {
            let found = items
                .iter()
                .filter(|item| self.fits(at, schema, item, depth).is_ok())
                .count() as u64;
            let least = object.get("minContains").and_then(Value::as_u64).unwrap_or(1);
            let most = object
                .get("maxContains")
                .and_then(Value::as_u64)
                .unwrap_or(u64::MAX);
            if !(least..=most).contains(&found) {
                return Err(Misfit::new(format!(
                    "{found} of its items are what the schema wants it to contain"
                )));
            }
        }
        Ok(())
    }

    fn fields(
        &mut self,
        at: At<'s>,
        object: &'s Map<String, Value>,
        fields: &Map<String, Value>,
        depth: usize,
    ) -> Fits {
        bounds(
            object,
            fields.len() as u64,
            "minProperties",
            "maxProperties",
            "fields",
        )?;
        let missing = |names: &Value| {
            names
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .find(|name| !fields.contains_key(*name))
                .map(str::to_owned)
        };
        if let Some(name) = object.get("required").and_then(missing) {
            return Err(Misfit::new("it is missing, and the schema requires it").within(&name));
        }
        let properties = object.get("properties").and_then(Value::as_object);
        let patterns = object.get("patternProperties").and_then(Value::as_object);
        let rest = object.get("additionalProperties");
        for (name, field) in fields {
            if let Some(schema) = object.get("propertyNames") {
                let value = Value::from(name.as_str());
                self.fits(at, schema, &value, depth)
                    .map_err(|misfit| misfit.within(name))?;
            }
            let mut known = false;
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                known = true;
                self.fits(at, schema, field, depth)
                    .map_err(|misfit| misfit.within(name))?;
            }
            for (pattern, schema) in patterns.into_iter().flatten() {
                if self
                    .of
                    .patterns
                    .get(pattern)
                    .is_some_and(|read| read.is_match(name))
                {
                    known = true;
                    self.fits(at, schema, field, depth)
                        .map_err(|misfit| misfit.within(name))?;
                }
            }
            match rest {
                Some(Value::Bool(false)) if !known => {
                    return Err(Misfit::new("the schema has no such field").within(name));
                }
                Some(schema) if !known => self
                    .fits(at, schema, field, depth)
                    .map_err(|misfit| misfit.within(name))?,
                _ => {}
            }
        }
        for word in ["dependentRequired", "dependentSchemas", "dependencies"] {
            let of = object.get(word).and_then(Value::as_object);
            for (name, then) in of
                .into_iter()
                .flatten()
                .filter(|(name, _)| fields.contains_key(*name))
            {
                if then.is_array() {
                    if let Some(wanted) = missing(then) {
                        return Err(Misfit::new(format!(
                            "it is missing, and the schema requires it beside {name}"
                        ))
                        .within(&wanted));
                    }
                } else {
                    self.fits(at, then, &Value::Object(fields.clone()), depth)?;
                }
            }
        }
        Ok(())
    }
}

/// Of several reasons, the one that goes deepest: it is of the choice that was meant.
fn nearest(misfits: Vec<Misfit>) -> Option<Misfit> {
    misfits
        .into_iter()
        .reduce(|best, next| match next.depth() > best.depth() {
            true => next,
            false => best,
        })
}

fn list<'s>(object: &'s Map<String, Value>, word: &str) -> &'s [Value] {
    object
        .get(word)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn bounds(object: &Map<String, Value>, found: u64, least: &str, most: &str, what: &str) -> Fits {
    let bound = |word: &str| object.get(word).and_then(Value::as_f64);
    if let Some(least) = bound(least).filter(|least| (found as f64) < *least) {
        return Err(Misfit::new(format!(
            "it has {found} {what}, and the schema wants at least {least}"
        )));
    }
    if let Some(most) = bound(most).filter(|most| found as f64 > *most) {
        return Err(Misfit::new(format!(
            "it has {found} {what}, and the schema allows {most}"
        )));
    }
    Ok(())
}

/// `type`, `enum` and `const`.
fn plain(object: &Map<String, Value>, value: &Value) -> Fits {
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        // 1.0 is a whole number in every draft since 6.
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    let wanted = match object.get("type") {
        None => Vec::new(),
        Some(Value::String(kind)) => vec![kind.as_str()],
        Some(kinds) => kinds
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
    };
    if object.contains_key("type") && !wanted.iter().any(|kind| is(kind)) {
        let wanted = wanted.join(" or ");
        return Err(Misfit::new(format!(
            "{wanted} is expected, and it is {}",
            kind_of(value)
        )));
    }
    if let Some(Value::Array(allowed)) = object.get("enum")
        && !allowed.iter().any(|one| same(one, value))
    {
        let names: Vec<String> = allowed.iter().take(NAMED_MAX).map(Value::to_string).collect();
        return Err(Misfit::new(format!(
            "{} is none of the schema's {}",
            kind_of(value),
            names.join(", ")
        )));
    }
    match object.get("const") {
        Some(only) if !same(only, value) => Err(Misfit::new(format!(
            "{only} is expected, and it is {}",
            kind_of(value)
        ))),
        _ => Ok(()),
    }
}

/// 1 and 1.0 are the same number.
fn same(one: &Value, other: &Value) -> bool {
    one == other
        || matches!((one, other), (Value::Number(_), Value::Number(_))) && one.as_f64() == other.as_f64()
}

fn number(object: &Map<String, Value>, value: &Value) -> Fits {
    let found = value.as_f64().unwrap_or(f64::NAN);
    let bound = |word: &str| object.get(word).and_then(Value::as_f64);
    let exclusive = |word: &str| object.get(word) == Some(&Value::Bool(true));
    let wants = |what: &str, bound: f64| {
        Err(Misfit::new(format!(
            "it is {value}, and the schema wants {what} {bound}"
        )))
    };
    // In draft 4 `exclusiveMinimum` says how `minimum` is meant.
    match bound("minimum") {
        Some(least) if exclusive("exclusiveMinimum") && found <= least => return wants("more than", least),
        Some(least) if found < least => return wants("a minimum of", least),
        _ => {}
    }
    match bound("maximum") {
        Some(most) if exclusive("exclusiveMaximum") && found >= most => return wants("less than", most),
        Some(most) if found > most => return wants("a maximum of", most),
        _ => {}
    }
    if let Some(least) = bound("exclusiveMinimum").filter(|least| found <= *least) {
        return wants("more than", least);
    }
    if let Some(most) = bound("exclusiveMaximum").filter(|most| found >= *most) {
        return wants("less than", most);
    }
    if let Some(step) = bound("multipleOf").filter(|step| *step > 0.0) {
        let times = found / step;
        // 0.3 is a multiple of 0.1 for people, not quite for a machine.
        if (times - times.round()).abs() > 1e-9 * times.abs().max(1.0) {
            return wants("a multiple of", step);
        }
    }
    Ok(())
}
