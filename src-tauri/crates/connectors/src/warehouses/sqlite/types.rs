//! Which Arrow type a column of SQLite gets.

use arrow::datatypes::DataType;

/// What a column declares, by its type's name, after <https://www.sqlite.org/datatype3.html> with booleans added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    Whole,
    Number,
    Flag,
    Text,
    /// Nothing that binds: the values decide.
    Open,
}

/// Which kinds of values a column holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub whole: bool,
    /// A whole number other than 0 and 1.
    pub beyond_flag: bool,
    pub number: bool,
    pub text: bool,
    pub blob: bool,
}

pub(super) fn declared(name: &str) -> Declared {
    let name = name.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(&["BOOL"]) {
        Declared::Flag
    } else if has(&["INT"]) {
        Declared::Whole
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Declared::Text
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Declared::Number
    } else {
        Declared::Open
    }
}

/// The declared type when it holds every value, else the narrowest that does.
pub(super) fn decide(declared: Declared, found: Found) -> DataType {
    let Found {
        whole,
        beyond_flag,
        number,
        text,
        blob,
    } = found;
    if blob {
        return if whole || number || text {
            DataType::Utf8
        } else {
            DataType::Binary
        };
    }
    if text {
        return DataType::Utf8;
    }
    match declared {
        Declared::Text => DataType::Utf8,
        Declared::Number => DataType::Float64,
        Declared::Flag if !number && !beyond_flag => DataType::Boolean,
        _ if number => DataType::Float64,
        Declared::Whole | Declared::Flag => DataType::Int64,
        Declared::Open if whole => DataType::Int64,
        Declared::Open => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_the_type_that_holds_their_values() {
        let check = |name: &str, kinds: &str, expected: DataType| {
            let has = |kind: &str| kinds.split(' ').any(|found| found == kind);
            let found = Found {
                whole: has("flag") || has("whole"),
                beyond_flag: has("whole"),
                number: has("number"),
                text: has("text"),
                blob: has("blob"),
            };
            assert_eq!(decide(declared(name), found), expected, "{name} with {kinds}");
        };
        check("INTEGER", "whole", DataType::Int64);
        check("bigint", "", DataType::Int64);
        check("INTEGER", "whole number", DataType::Float64);
        check("INTEGER", "whole text", DataType::Utf8);
        check("REAL", "whole", DataType::Float64);
        check("DOUBLE PRECISION", "", DataType::Float64);
        check("REAL", "number text", DataType::Utf8);
        check("VARCHAR(20)", "", DataType::Utf8);
        check("TEXT", "whole number", DataType::Utf8);
        check("BOOLEAN", "flag", DataType::Boolean);
        check("BOOLEAN", "", DataType::Boolean);
        check("BOOLEAN", "whole", DataType::Int64);
        check("BOOLEAN", "text", DataType::Utf8);
        check("DATETIME", "text", DataType::Utf8);
        check("TIMESTAMP", "whole", DataType::Int64);
        check("DATE", "", DataType::Utf8);
        check("DECIMAL(10,2)", "whole number", DataType::Float64);
        check("NUMERIC", "whole", DataType::Int64);
        check("", "text blob", DataType::Utf8);
        check("BLOB", "blob", DataType::Binary);
    }
}
