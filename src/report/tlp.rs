//! The Traffic Light Protocol: with whom a report may be shared.

/// A label of TLP 2.0 (FIRST).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Tlp {
    /// With everyone.
    Clear,
    /// Within the community.
    Green,
    /// Within the organisation and its clients: the default, for a report names victims.
    #[default]
    Amber,
    /// With nobody but who was told.
    Red,
}

impl Tlp {
    /// The labels by name, as options take them.
    pub const NAMES: [&str; 4] = ["clear", "green", "amber", "red"];

    /// The label of a name of [`Tlp::NAMES`].
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "clear" => Self::Clear,
            "green" => Self::Green,
            "amber" => Self::Amber,
            "red" => Self::Red,
            _ => return None,
        })
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }
}
