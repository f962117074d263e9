//! The names of a service, and how each is known.

use smallvec::SmallVec;
use smol_str::SmolStr;

/// Names in order, each with how it is known: half of the services have none, most others one.
///
/// A name is *stated* where the client itself used it (SNI, Host), and *verified* where a resolution in the capture or a
/// certificate by another issuer confirms what was stated. Others are those that the capture resolved to the service's
/// addresses for this client.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Names(Option<Box<SmallVec<[Known; 1]>>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    name: SmolStr,
    stated: bool,
    verified: bool,
}

impl Names {
    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &SmolStr> + Clone + use<'_> {
        self.all().iter().map(|known| &known.name)
    }
    /// Those that the client used.
    pub fn stated(&self) -> impl Iterator<Item = &SmolStr> + Clone + use<'_> {
        self.all().iter().filter(|known| known.stated).map(|known| &known.name)
    }
    /// The first of all.
    pub fn first(&self) -> Option<&SmolStr> {
        self.all().first().map(|known| &known.name)
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
    /// Whether the client used none.
    pub fn none_stated(&self) -> bool {
        !self.all().iter().any(|known| known.stated)
    }
    /// Whether none is verified.
    pub fn none_verified(&self) -> bool {
        !self.all().iter().any(|known| known.verified)
    }
    /// Whether the client used a name.
    pub fn states(&self, name: &str) -> bool {
        self.get(name).is_some_and(|known| known.stated)
    }
    /// Whether the capture confirms a name; what the client only claims it does not.
    pub fn confirms(&self, name: &str) -> bool {
        self.get(name).is_some_and(|known| known.verified || !known.stated)
    }

    fn all(&self) -> &[Known] {
        self.0.as_deref().map_or(&[], SmallVec::as_slice)
    }

    fn get(&self, name: &str) -> Option<&Known> {
        let at = self.all().binary_search_by(|known| known.name.as_str().cmp(name)).ok()?;
        self.all().get(at)
    }
}

/// Names with whether each is stated and verified; of one that comes twice both hold.
impl FromIterator<(SmolStr, bool, bool)> for Names {
    fn from_iter<I: IntoIterator<Item = (SmolStr, bool, bool)>>(names: I) -> Self {
        let known = |(name, stated, verified)| Known { name, stated, verified };
        let mut own: SmallVec<[Known; 1]> = names.into_iter().map(known).collect();
        if own.len() > 1 {
            own.sort_by(|one, next| one.name.cmp(&next.name));
            own.dedup_by(|again, known| {
                let same = again.name == known.name;
                if same {
                    known.stated |= again.stated;
                    known.verified |= again.verified;
                }
                same
            });
            own.shrink_to_fit();
        }
        Self((!own.is_empty()).then(|| Box::new(own)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_by_all_that_is_said_of_it() {
        let said = [("b.example", true, false), ("a.example", false, false), ("b.example", true, true)];
        let names: Names =
            said.into_iter().chain([("c.example", true, false)]).map(|(n, s, v)| (n.into(), s, v)).collect();
        assert_eq!(names.iter().collect::<Vec<_>>(), ["a.example", "b.example", "c.example"]);
        assert_eq!(names.stated().collect::<Vec<_>>(), ["b.example", "c.example"]);
        assert_eq!(names.first().map(SmolStr::as_str), Some("a.example"));
        assert_eq!(
            ["a.example", "b.example", "c.example", "d.example"].map(|n| names.states(n)),
            [false, true, true, false]
        );
        assert_eq!(
            ["a.example", "b.example", "c.example", "d.example"].map(|n| names.confirms(n)),
            [true, true, false, false]
        );
        assert!(!names.is_empty() && !names.none_stated() && !names.none_verified());
        let names: Names = [("a.example".into(), false, false)].into_iter().collect();
        assert!(names.none_stated() && names.none_verified() && Names::default().is_empty());
    }
}
