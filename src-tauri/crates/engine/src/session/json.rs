//! JSON within texts, in SQL: `json_extract_string(context, '$.page.url')`, and `context ->> 'page' ->> 'url'`, as DuckDB
//! has them. What an event nests stands in `properties_rest` and `context` as text; this is the way into it.
//!
//! Invariants: a path is `$.name."other name"[0]`, `/name/0`, or the name of one member; what is not there, is null, or is
//! no JSON gives null and fails nothing. `->>` and `json_extract_string` give a text as it is and anything else as it is
//! written; `->` and `json_extract` give JSON.

use std::{borrow::Cow, ops::ControlFlow, sync::Arc};

use arrow::{
    array::{AsArray, StringArray},
    compute::cast,
    datatypes::DataType,
};
use datafusion::{
    common::{DFSchema, Result as DataFusionResult, ScalarValue, exec_err, internal_err},
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        planner::{ExprPlanner, PlannerResult, RawBinaryExpr},
    },
    sql::sqlparser::ast::{BinaryOperator, Expr, Value, VisitMut, VisitorMut},
};

use crate::events::json::{self, NotJson, Token, write_string};

/// Members and elements within one another that a path names.
const STEPS_MAX: usize = 100;

/// The functions.
pub(super) fn functions() -> [Arc<ScalarUDF>; 2] {
    [false, true].map(|text| Arc::new(ScalarUDF::new_from_impl(Extract::new(text))))
}

/// `->` and `->>`.
#[derive(Debug)]
pub(super) struct Arrows([Arc<ScalarUDF>; 2]);

impl Arrows {
    pub(super) fn new() -> Self {
        Self(functions())
    }
}

impl ExprPlanner for Arrows {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _: &DFSchema,
    ) -> DataFusionResult<PlannerResult<RawBinaryExpr>> {
        let [json, text] = &self.0;
        let function = match expr.op {
            BinaryOperator::Arrow => json,
            BinaryOperator::LongArrow => text,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        Ok(PlannerResult::Planned(function.call(vec![expr.left, expr.right])))
    }
}

/// Binds arrows more tightly than every other operator, as PostgreSQL does: the parser reads `a ->> 'b' = 'c'` as
/// `a ->> ('b' = 'c')`, which nobody means and nobody writes without those brackets.
pub(super) fn bind(ast: &mut impl VisitMut) {
    struct Bind;
    impl VisitorMut for Bind {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if matches!(
                expr,
                Expr::BinaryOp {
                    op: BinaryOperator::Arrow | BinaryOperator::LongArrow,
                    ..
                }
            ) {
                tighten(expr);
            }
            ControlFlow::Continue(())
        }
    }
    let _ = ast.visit(&mut Bind);
}

fn tighten(expr: &mut Expr) {
    let Expr::BinaryOp { left, right, op } = std::mem::replace(expr, nothing()) else {
        return;
    };
    let (mut left, mut right) = (*left, *right);
    let (composite_left, composite_right) = (last(&mut left).is_some(), first(&mut right).is_some());
    let arrow = |left: Expr, right: Expr| Expr::BinaryOp {
        left: Box::new(left),
        right: Box::new(right),
        op,
    };
    *expr = match (composite_left, composite_right) {
        (true, false) => {
            if let Some(operand) = last(&mut left) {
                *operand = arrow(std::mem::replace(operand, nothing()), right);
            }
            left
        }
        (false, true) => {
            if let Some(operand) = first(&mut right) {
                *operand = arrow(left, std::mem::replace(operand, nothing()));
            }
            right
        }
        // Which operands are meant where there are several on both sides is not for us to say.
        _ => arrow(left, right),
    };
}

fn nothing() -> Expr {
    Expr::Value(Value::Null.into())
}

/// The first operand of an operator; absent: it is none.
fn first(expr: &mut Expr) -> Option<&mut Expr> {
    let operand = match expr {
        Expr::BinaryOp { left, .. } => left,
        Expr::IsNull(operand) | Expr::IsNotNull(operand) => operand,
        Expr::IsDistinctFrom(left, _) | Expr::IsNotDistinctFrom(left, _) => left,
        Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. }
        | Expr::Between { expr, .. } => expr,
        _ => return None,
    };
    Some(match operand.as_ref() {
        Expr::BinaryOp { .. } => first(operand)?,
        _ => operand,
    })
}

/// The last operand of an operator; absent: it is none, or an arrow, which is as tight.
fn last(expr: &mut Expr) -> Option<&mut Expr> {
    let operand = match expr {
        Expr::BinaryOp {
            op: BinaryOperator::Arrow | BinaryOperator::LongArrow,
            ..
        } => return None,
        Expr::BinaryOp { right, .. } => right,
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => right,
        Expr::Like { pattern, .. } | Expr::ILike { pattern, .. } => pattern,
        Expr::Between { high, .. } => high,
        _ => return None,
    };
    let composite = matches!(operand.as_ref(), Expr::BinaryOp { op, .. }
        if !matches!(op, BinaryOperator::Arrow | BinaryOperator::LongArrow));
    Some(match composite {
        true => last(operand)?,
        false => operand,
    })
}

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step<'a> {
    /// A member; of an array, where it is a number: an element.
    Name(Cow<'a, str>),
    Element(usize),
}

/// Reads a path; the sentence says what is wrong with it.
fn steps(path: &str) -> Result<Vec<Step<'_>>, String> {
    let all: Vec<Step<'_>> = if let Some(rest) = path.strip_prefix('$') {
        dotted(rest)
            .ok_or_else(|| format!("the path {path} can't be read: write '$.name.\"other name\"[0]'"))?
    } else if let Some(rest) = path.strip_prefix('/') {
        rest.split('/')
            .map(|name| match name.contains('~') {
                true => Step::Name(Cow::Owned(name.replace("~1", "/").replace("~0", "~"))),
                false => Step::Name(Cow::Borrowed(name)),
            })
            .collect()
    } else {
        vec![Step::Name(Cow::Borrowed(path))]
    };
    match all.len() > STEPS_MAX {
        true => Err(format!("the path {path} has more than {STEPS_MAX} parts")),
        false => Ok(all),
    }
}

fn dotted(mut rest: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(".\"") {
            let end = after.find('"')?;
            steps.push(Step::Name(Cow::Borrowed(after.get(..end)?)));
            rest = after.get(end + 1..)?;
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            steps.push(Step::Name(Cow::Borrowed(
                after.get(..end).filter(|name| !name.is_empty())?,
            )));
            rest = after.get(end..)?;
        } else {
            let after = rest.strip_prefix('[')?;
            let end = after.find(']')?;
            steps.push(Step::Element(after.get(..end)?.parse().ok()?));
            rest = after.get(end + 1..)?;
        }
    }
    Some(steps)
}

/// The value at a place within a value; absent: there is none.
pub(crate) fn member<'a>(token: Token<'a>, name: &str) -> Option<Token<'a>> {
    match token {
        Token::Object(text) => {
            let mut found = None;
            json::object(text, |here, token| {
                // Of two members of one name the last counts.
                if here == name {
                    found = Some(token);
                }
                Ok::<_, NotJson>(())
            })
            .ok()?;
            found
        }
        Token::Array(_) => element(token, name.parse().ok()?),
        _ => None,
    }
}

fn element(token: Token<'_>, number: usize) -> Option<Token<'_>> {
    let Token::Array(text) = token else { return None };
    let (mut at, mut found) = (0, None);
    json::array(text, |token| {
        if at == number {
            found = Some(token);
        }
        at += 1;
        Ok::<_, NotJson>(())
    })
    .ok()?;
    found
}

/// What a path leads to; absent: nothing, or null.
fn extract(json: &str, steps: &[Step<'_>], text: bool) -> Option<String> {
    let mut token = json::value(json).ok()?;
    for step in steps {
        token = match step {
            Step::Name(name) => member(token, name)?,
            Step::Element(number) => element(token, *number)?,
        };
    }
    match token {
        Token::Null => None,
        Token::Bool(value) => Some(value.to_string()),
        Token::Number(literal) => Some(literal.to_owned()),
        Token::Text(value) if text => Some(value.into_owned()),
        Token::Text(value) => {
            let mut quoted = String::with_capacity(value.len() + 2);
            write_string(&value, &mut quoted);
            Some(quoted)
        }
        Token::Object(json) | Token::Array(json) => Some(json.to_owned()),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Extract {
    signature: Signature,
    aliases: Vec<String>,
    /// Texts as they are, not as JSON.
    text: bool,
}

impl Extract {
    fn new(text: bool) -> Self {
        let alias = if text {
            "json_extract_path_text"
        } else {
            "json_extract_path"
        };
        Self {
            signature: Signature::any(2, Volatility::Immutable),
            aliases: vec![alias.to_owned()],
            text,
        }
    }
}

impl ScalarUDFImpl for Extract {
    fn name(&self) -> &str {
        if self.text {
            "json_extract_string"
        } else {
            "json_extract"
        }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [values, paths] = args.args.as_slice() else {
            return internal_err!("{} has two arguments", self.name());
        };
        let values = cast(&values.to_array(args.number_rows)?, &DataType::Utf8)?;
        let values = values.as_string::<i32>().iter();
        let read = |path: &str| match steps(path) {
            Ok(steps) => Ok(steps.into_iter().map(owned).collect::<Vec<_>>()),
            Err(sentence) => exec_err!("{sentence}"),
        };
        let extracted: StringArray = match paths {
            ColumnarValue::Scalar(path) => {
                let path = path.cast_to(&DataType::Utf8)?;
                let ScalarValue::Utf8(Some(path)) = path else {
                    return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
                };
                let steps = read(&path)?;
                values.map(|json| extract(json?, &steps, self.text)).collect()
            }
            ColumnarValue::Array(paths) => {
                let paths = cast(paths, &DataType::Utf8)?;
                let paths = paths.as_string::<i32>().iter();
                let one = |(json, path): (Option<&str>, Option<&str>)| match (json, path) {
                    (Some(json), Some(path)) => Ok(extract(json, &read(path)?, self.text)),
                    _ => Ok(None),
                };
                values.zip(paths).map(one).collect::<DataFusionResult<_>>()?
            }
        };
        Ok(ColumnarValue::Array(Arc::new(extracted)))
    }
}

fn owned(step: Step<'_>) -> Step<'static> {
    match step {
        Step::Name(name) => Step::Name(Cow::Owned(name.into_owned())),
        Step::Element(number) => Step::Element(number),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{extract, steps};

    #[test]
    fn a_path_leads_to_a_member_an_element_or_nothing() {
        let json = r#"{"a":{"b c":[1,{"d":"x\ny"}],"e":null,"f":true,"g":12345678901234567890},"h/i":"s","a":{"b c":[1,{"d":"x\ny"}],"e":null,"f":true,"g":12345678901234567890}}"#;
        let check = |path: &str, text: Option<&str>, as_json: Option<&str>| {
            let steps = steps(path).expect(path);
            assert_eq!(extract(json, &steps, true).as_deref(), text, "{path}");
            assert_eq!(extract(json, &steps, false).as_deref(), as_json, "{path}");
        };
        check("$", Some(json), Some(json));
        check("$.a.\"b c\"[1].d", Some("x\ny"), Some(r#""x\ny""#));
        check("/a/b c/1/d", Some("x\ny"), Some(r#""x\ny""#));
        check("$.a.\"b c\"[0]", Some("1"), Some("1"));
        check("$.a.\"b c\"[2]", None, None);
        check("$.a.e", None, None);
        check("$.a.f", Some("true"), Some("true"));
        check(
            "$.a.g",
            Some("12345678901234567890"),
            Some("12345678901234567890"),
        );
        check("$.a.g.deeper", None, None);
        check("h/i", Some("s"), Some("\"s\""));
        check("/h~1i", Some("s"), Some("\"s\""));
        check("nothing", None, None);
        for wrong in ["$a", "$.", "$.a[", "$.a[x]", "$.\"a"] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
        assert_eq!(extract("no JSON", &[], true), None);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-5i64..5).prop_map(Value::from),
            "[a-c\"\\n]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// As serde_json's pointers find it.
        #[test]
        fn what_is_found_is_what_a_pointer_finds(json in value(), path in prop::collection::vec("[a-c0-2]", 0..5)) {
            let pointer: String = path.iter().map(|part| format!("/{part}")).collect();
            let path = if pointer.is_empty() { "$" } else { &pointer };
            let found = extract(&json.to_string(), &steps(path).expect("a path"), false);
            let found: Option<Value> = found.map(|text| serde_json::from_str(&text).expect("JSON"));
            prop_assert_eq!(found.as_ref(), json.pointer(&pointer).filter(|value| !value.is_null()));
        }
    }
}
