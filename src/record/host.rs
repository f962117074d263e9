//! One host and how it is known.

use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::net::IpAddr;

/// A host that was the client or the subject of something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its address.
    pub addr: IpAddr,
    /// Link-layer addresses it sent from, `02:00:5e:00:53:01`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub macs: Vec<String>,
    /// Host names it was known by.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<Named>,
    /// User names seen on it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub users: Vec<Named>,
    /// Windows domain or realm.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub domains: Vec<Named>,
    /// What hints at its operating system.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub os_hints: Vec<Named>,
}

impl Host {
    /// A host of which nothing but its address is known.
    pub const fn at(addr: IpAddr) -> Self {
        Self {
            addr,
            macs: Vec::new(),
            names: Vec::new(),
            users: Vec::new(),
            domains: Vec::new(),
            os_hints: Vec::new(),
        }
    }
}

/// A value with its source and when it held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The value.
    pub value: SmolStr,
    /// Where it stood.
    pub source: SmolStr,
    /// First seen.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
}
