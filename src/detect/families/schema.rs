//! JSON Schema of the values that rules write as text; those of everything else are derived.

use super::value::{Bytes, Many, Range, Text};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

impl<T: JsonSchema> JsonSchema for Many<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("OneOrMore_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }
}

/// Schemas of values that are written as text.
macro_rules! text_schema {
    ($($name:ident: $schema:tt),* $(,)?) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

text_schema! {
    Text: {"type": "string", "format": "regex", "description": "A regular expression over text, not anchored."},
    Bytes: {"type": "string", "description": "Hexadecimal digits (? is any), from `@N ` on if not from the start; or a regular expression over bytes between slashes."},
    Range: {
        "description": "A range with both ends in it: `95-111`, `95-`, `-300`, `25`; or a number.",
        "anyOf": [{"type": "string", "pattern": "^[0-9.]*-?[0-9.]*$"}, {"type": "integer"}],
    },
}
