//! What a body is, without its content.

use super::{Hex, is_zero};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The facts of one body: an HTTP message body, an attachment, a file over FTP, one side of an opaque stream.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Body {
    /// Length in bytes as transferred (gaps included).
    pub bytes: u64,
    /// Bytes of it that were never captured.
    #[serde(skip_serializing_if = "is_zero")]
    pub missing: u64,
    /// Declared media type, lower case, without parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<SmolStr>,
    /// Declared content encoding, lower case (`gzip`, `binary`, ...).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<SmolStr>,
    /// Declared file name (last component or whole path as sent, at most 255 bytes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Type by first bytes: `zip`, `rar`, `7z`, `gzip`, `tar`, `png`, `jpeg`, `bmp`, `pe`, `elf`, `sqlite`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub magic: Option<SmolStr>,
    /// What kind of text or binary it looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// Shannon entropy of a bounded sample, bits a byte, rounded to two digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f32>,
    /// The first bytes, at most 32; absent where `markers` say that secrets stand there in clear.
    #[serde(skip_serializing_if = "Hex::is_empty")]
    pub first: Hex,
    /// The archive it is or wraps (base64 and the like undone, see `wrapped`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<Box<Archive>>,
    /// Encodings around the archive or magic: `base64`, `hex`, `xor`, `gzip`, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrapped: Vec<String>,
    /// Parts of a multipart body, or attachments of a mail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Parts beyond the bound.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_parts: u64,
    /// Fields of an urlencoded form or top-level members of a JSON object, by name; values described.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Credential-listing and inventory markers found in text, by name with counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub markers: Vec<Marker>,
}

/// What a body looks like on a bounded sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Shape {
    /// Printable text of no special kind.
    Text,
    /// An HTML document.
    Html,
    /// XML, SOAP included.
    Xml,
    /// A JSON document.
    Json,
    /// An urlencoded form.
    Form,
    /// One base64 text (either alphabet), line breaks allowed.
    Base64,
    /// One hexadecimal text.
    Hex,
    /// Binary bytes.
    Binary,
}

/// An archive seen in passing.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// `zip`, `rar`, `7z`, `tar`, `gzip`, `cab`.
    pub kind: SmolStr,
    /// Members may not be read without a password.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// Members by name in order, as far as they passed and up to a bound.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// Members beyond the bound.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// A member of an archive.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Member {
    /// Path inside the archive, lossily decoded, at most 255 bytes.
    pub name: String,
    /// Size unpacked, when the header states it.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
}

/// One part of a multipart body or mail.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Part {
    /// Field name (`name=` of Content-Disposition).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the part holds. Its own file name and type stand there; base64 transfer encoding is undone.
    pub body: Body,
    /// A short harmless value, where the part is a form field; see [`Field::value`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A named value of a form, JSON object or query.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Field {
    /// The name, at most 64 bytes.
    pub name: String,
    /// Length of the value in bytes, undecoded.
    pub bytes: u64,
    /// The value itself where it is one harmless word of at most 32 characters and the name is not one of a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What its characters are: `digits`, `hex`, `guid`, `base64`, `word`, `text`, `binary`, `empty`, `object`.
    pub class: SmolStr,
}

/// A marker found in text, with how often.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Marker {
    /// Its name; `content::markers` lists them.
    pub name: SmolStr,
    /// How often it was seen.
    pub count: u32,
}

impl Body {
    /// How often a marker was seen in this body or its parts.
    pub fn marker(&self, name: &str) -> u32 {
        let own =
            self.markers.iter().filter(|m| m.name == name).map(|m| m.count).fold(0, u32::saturating_add);
        self.parts.iter().fold(own, |sum, part| sum.saturating_add(part.body.marker(name)))
    }
    /// Every archive in this body or its parts.
    pub fn archives(&self) -> Vec<&Archive> {
        let own = self.archive.as_deref().into_iter();
        own.chain(self.parts.iter().flat_map(|part| part.body.archives())).collect()
    }
}
