//! Lists of addresses, names and fingerprints that a user brings, and where they are met.
//!
//! In: the text of a list, in one of the forms that are told by content (one a line, CSV, STIX 2.1, MISP), and what is
//! known of services. Out: for a channel statements with the entry that was met, by file and line or id. An entry that
//! would blame the innocent, a public suffix or a service of many, is refused with a word. This room knows no feed and
//! asks nobody: it compares what stands in records.
//!
//! Entries are kept in sorted vectors and in tables over one text, so that a million load in about a second and a look
//! costs a few comparisons a channel.

mod csv;
mod hits;
mod misp;
mod plain;
mod refuse;
mod stix;
mod store;
mod value;

pub use hits::{Listed, SIGNALS};

use super::ledger::Services;
use store::{Source, Store};
use value::Value;

/// Entries of all lists together. Sixteen times what the largest public lists hold; 1 GB at most.
const MAX_ENTRIES: usize = 16_000_000;
/// Lists.
const MAX_FILES: usize = 4096;
/// Refused entries that are told; the others are counted.
const TOLD: usize = 5;
/// Characters shown of a refused entry.
const SHOWN: usize = 80;

/// What is wrong with a list as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It begins as JSON and is none.
    #[error("{file}: not JSON: {what}")]
    Json {
        /// Which list.
        file: String,
        /// Where and what.
        what: String,
    },
    /// It is JSON of another kind.
    #[error("{file}: neither a STIX bundle (`type`: `bundle`) nor a MISP event (`Event`)")]
    Unknown {
        /// Which list.
        file: String,
    },
    /// It holds nothing that could be met.
    #[error("{file}: no address, name, URL or fingerprint in it{hint}")]
    Empty {
        /// Which list.
        file: String,
        /// What was refused, if anything was.
        hint: String,
    },
    /// More than is kept.
    #[error("{file}: more than {MAX_ENTRIES} entries in all lists together; leave some out")]
    TooMany {
        /// Which list.
        file: String,
    },
}

/// What became of one list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// `lines`, `CSV`, `STIX`, `MISP`.
    pub form: &'static str,
    /// Entries that are looked for.
    pub taken: usize,
    /// Entries of kinds that packets do not show, and those that are marked as not meant.
    pub passed: usize,
    /// Entries that are wrong, or would blame the innocent.
    pub refused: usize,
    /// The first of those: place, entry and reason.
    pub first: Vec<String>,
}

impl std::fmt::Display for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries = if self.taken == 1 { "entry" } else { "entries" };
        write!(f, "{} {entries} of a list ({})", self.taken, self.form)?;
        if self.passed > 0 {
            write!(f, ", {} passed over (of other kinds, or not meant for detection)", self.passed)?;
        }
        if self.refused == 0 {
            return Ok(());
        }
        write!(f, ", {} refused: {}", self.refused, self.first.join("; "))?;
        match self.refused - self.first.len() {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// A list with what is needed to name its entries.
#[derive(Debug, Clone)]
struct File {
    name: String,
    /// What an entry is called before its number or id: `line`, `indicator`, `attribute`.
    word: &'static str,
    /// Ids of entries by place, where the form has them; else the place is the number.
    ids: Vec<u128>,
}

/// All lists of a run.
#[derive(Debug, Clone, Default)]
pub struct Indicators {
    files: Vec<File>,
    store: Store,
}

impl Indicators {
    /// Reads a list. `file` names it in reports and messages.
    ///
    /// # Errors
    ///
    /// When it is of no known form, or nothing in it can be met. Single entries that cannot are counted in [`Loaded`].
    pub fn add(&mut self, text: &str, file: &str, services: &Services) -> Result<Loaded, ListError> {
        let text = text.trim_start_matches('\u{feff}');
        let too_many = || ListError::TooMany { file: file.to_owned() };
        let number = u16::try_from(self.files.len()).ok().filter(|_| self.files.len() < MAX_FILES);
        let mut intake = Intake {
            store: &mut self.store,
            services,
            file: File { name: file.to_owned(), word: "line", ids: Vec::new() },
            number: number.ok_or_else(too_many)?,
            loaded: Loaded::default(),
            full: false,
        };
        match text.trim_start().as_bytes().first() {
            Some(b'{' | b'[') => intake.json(text)?,
            _ if csv::has_header(text) => csv::read(text, &mut intake),
            _ => plain::read(text, &mut intake),
        }
        let Intake { file: entry, loaded, full, .. } = intake;
        if full {
            return Err(too_many());
        }
        self.files.push(entry);
        self.store.seal();
        if loaded.taken == 0 {
            let refused = loaded.first.first().map(|first| format!("; refused: {first}"));
            let passed = (loaded.passed > 0)
                .then(|| format!("; {} are of other kinds, or not meant for detection", loaded.passed));
            let hint = refused.into_iter().chain(passed).collect();
            return Err(ListError::Empty { file: file.to_owned(), hint });
        }
        Ok(loaded)
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Where an entry stands: `feed.csv, line 7`.
    fn place(&self, source: Source) -> String {
        let Some(file) = self.files.get(usize::from(source.file)) else { return String::new() };
        format!("{}, {}", file.name, file.place(source.place))
    }
}

impl File {
    fn place(&self, place: u32) -> String {
        match self.ids.get(place as usize) {
            Some(&id) if id != 0 => format!("{}{}", self.word, uuid(id)),
            Some(_) => format!("entry {}", u64::from(place) + 1),
            None => format!("{} {place}", self.word),
        }
    }
}

/// A UUID in its usual form.
fn uuid(id: u128) -> String {
    let text = format!("{id:032x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// The number of a UUID, 0 for what is none.
fn uuid_number(text: &str) -> u128 {
    let mut number = 0;
    let mut digits = 0;
    for byte in text.bytes().filter(|&byte| byte != b'-') {
        let Some(digit) = char::from(byte).to_digit(16) else { return 0 };
        digits += 1;
        number = number << 4 | u128::from(digit);
        if digits > 32 {
            return 0;
        }
    }
    if digits == 32 { number } else { 0 }
}

/// A list while it is read.
struct Intake<'a> {
    store: &'a mut Store,
    services: &'a Services,
    file: File,
    number: u16,
    loaded: Loaded,
    full: bool,
}

impl Intake<'_> {
    fn json(&mut self, text: &str) -> Result<(), ListError> {
        let wrong = |error: &serde_json::Error| ListError::Json {
            file: self.file.name.clone(),
            what: error.to_string(),
        };
        let read = match stix::bundle(text) {
            Ok(objects) if text.trim_start().starts_with('{') => {
                stix::read(&objects, self);
                return Ok(());
            }
            _ => misp::events(text),
        };
        match read {
            Ok(events) if !events.is_empty() => {
                misp::read(&events, self);
                Ok(())
            }
            Ok(_) => Err(ListError::Unknown { file: self.file.name.clone() }),
            Err(error) if error.is_data() => Err(ListError::Unknown { file: self.file.name.clone() }),
            Err(error) => Err(wrong(&error)),
        }
    }

    /// Gives entries that stand under an id a place.
    fn identified(&mut self, id: &str) -> u32 {
        self.file.ids.push(uuid_number(id));
        u32::try_from(self.file.ids.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes a text, with the port that stands beside it.
    fn text(&mut self, text: &str, port: Option<u16>, place: u32) {
        match Value::parse(text) {
            Ok(value) => self.take(value.at(port), text, place),
            Err(why) => self.refuse(text, place, why),
        }
    }

    /// Takes an entry, unless it would blame the innocent.
    fn take(&mut self, value: Value<'_>, text: &str, place: u32) {
        if let Some(why) = refuse::reason(&value, self.services) {
            return self.refuse(text, place, &why);
        }
        if self.store.len() >= MAX_ENTRIES || !self.store.put(value, Source { file: self.number, place }) {
            self.full = true;
            return;
        }
        self.loaded.taken += 1;
    }

    /// Passes over an entry that is none of ours.
    fn pass(&mut self) {
        self.loaded.passed += 1;
    }

    fn refuse(&mut self, text: &str, place: u32, why: &str) {
        self.loaded.refused += 1;
        if self.loaded.first.len() < TOLD {
            let shown: String = text.trim().chars().take(SHOWN).collect();
            self.loaded.first.push(format!("{} `{shown}` ({why})", self.file.place(place)));
        }
    }
}

#[cfg(test)]
mod tests;
