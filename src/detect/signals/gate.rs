//! Which looks may say anything of a channel, from what it has, worked out in one pass over it.

use crate::detect::ledger::{Channel, HostView, Ledger, Traits};

/// What a channel must have for a look to see anything: one of some traits, all of some others, and all of some marks.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    any: Traits,
    all: Traits,
    marks: Marks,
}

impl Needs {
    /// Nothing: the look is always taken.
    pub const NOTHING: Self = Self::any(Traits::NOTHING);
    /// See [`Traits::HTTP`].
    pub const HTTP: Self = Self::any(Traits::HTTP);
    /// See [`Traits::POST`].
    pub const POST: Self = Self::any(Traits::POST);
    /// See [`Traits::PIECE`].
    pub const PIECE: Self = Self::any(Traits::PIECE);
    /// See [`Traits::TLS`].
    pub const TLS: Self = Self::any(Traits::TLS);
    /// See [`Traits::SMTP`].
    pub const SMTP: Self = Self::any(Traits::SMTP);
    /// See [`Traits::FTP`].
    pub const FTP: Self = Self::any(Traits::FTP);
    /// See [`Traits::RAW`].
    pub const RAW: Self = Self::any(Traits::RAW);
    /// See [`Traits::TCP`].
    pub const TCP: Self = Self::any(Traits::TCP);
    /// See [`Traits::ICMP`].
    pub const ICMP: Self = Self::any(Traits::ICMP);
    /// See [`Traits::DOMAIN`].
    pub const DOMAIN: Self = Self::any(Traits::DOMAIN);
    /// See [`Traits::STUFFED`].
    pub const STUFFED: Self = Self::any(Traits::STUFFED);
    /// See [`Traits::SEVERAL`].
    pub const SEVERAL: Self = Self::any(Traits::SEVERAL);
    /// See [`Traits::TURNS`].
    pub const TURNS: Self = Self::any(Traits::TURNS);
    /// See [`Traits::EVENTS`].
    pub const EVENTS: Self = Self::any(Traits::EVENTS);

    const fn any(any: Traits) -> Self {
        Self { any, all: Traits::NOTHING, marks: Marks::NONE }
    }

    /// One trait of either; all that both cannot do without.
    pub const fn or(self, other: Self) -> Self {
        let any = self.any.or(other.any);
        Self { any, all: self.all.or(other.all), marks: self.marks.with(other.marks) }
    }

    /// With these traits besides.
    pub const fn with(self, traits: Traits) -> Self {
        Self { all: self.all.or(traits), ..self }
    }

    /// With these marks besides.
    pub const fn and(self, marks: Marks) -> Self {
        Self { marks: self.marks.with(marks), ..self }
    }

    /// Whether a channel with this trait may be what the look is for.
    pub const fn asks_for(self, own: Traits) -> bool {
        self.any.any(own)
    }

    /// Whether the look is taken whatever the traits.
    pub const fn asks_for_nothing(self) -> bool {
        self.any.met_by(Traits::NOTHING)
    }

    /// Whether a channel of these traits and marks may be what the look is for.
    pub const fn met_by(self, traits: Traits, marks: Marks) -> bool {
        self.any.met_by(traits) && traits.has(self.all) && marks.has(self.marks)
    }
}

/// What a channel is and has beside its traits. A look names those that it cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks(u32);

impl Marks {
    /// None.
    pub const NONE: Self = Self(0);
    /// The service is one of the Internet.
    pub const PUBLIC: Self = Self(1);
    /// The service has a name.
    pub const NAMED: Self = Self(1 << 1);
    /// It has none.
    pub const BARE: Self = Self(1 << 2);
    /// It is not what `rules/services.toml` knows for ordinary business.
    pub const UNKNOWN: Self = Self(1 << 3);
    /// It is no resolver.
    pub const NO_RESOLVER: Self = Self(1 << 4);
    /// Dynamic DNS.
    pub const DYNAMIC: Self = Self(1 << 5);
    /// A tunnel service.
    pub const TUNNEL: Self = Self(1 << 6);
    /// A messenger.
    pub const MESSENGER: Self = Self(1 << 7);
    /// A file host.
    pub const FILE_HOST: Self = Self(1 << 8);
    /// A node of a blockchain.
    pub const CHAIN: Self = Self(1 << 9);
    /// Something is alike among the channels of the host.
    pub const ALIKE: Self = Self(1 << 10);
    /// Five flows or more.
    pub const FIVE: Self = Self(1 << 11);
    /// Eight flows or more.
    pub const EIGHT: Self = Self(1 << 12);
    /// A library or a program came from here.
    pub const FETCHED: Self = Self(1 << 13);
    /// Five requests or more.
    pub const ASKED: Self = Self(1 << 14);

    /// Both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of these are there.
    pub const fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }

    const fn when(self, has: bool) -> Self {
        if has { self } else { Self::NONE }
    }

    /// The marks of a channel.
    pub fn of(
        ledger: &Ledger,
        channel: &Channel,
        (host, fetched): (&HostView, bool),
        traits: Traits,
    ) -> Self {
        let service = &channel.service;
        let mut own = Self::PUBLIC.when(!service.local);
        own = own.with(if service.names.is_empty() { Self::BARE } else { Self::NAMED });
        own = own.with(Self::ALIKE.when(host.alike.is_some())).with(Self::FETCHED.when(fetched));
        let flows = channel.flows.len();
        own = own.with(Self::FIVE.when(flows >= 5)).with(Self::EIGHT.when(flows >= 8));
        own = own.with(Self::UNKNOWN).with(Self::NO_RESOLVER);
        for role in service.roles.iter() {
            own = match role.as_str() {
                "ordinary" => Self(own.0 & !Self::UNKNOWN.0),
                "resolver" => Self(own.0 & !Self::NO_RESOLVER.0),
                "dynamic-dns" => own.with(Self::DYNAMIC),
                "tunnel-service" => own.with(Self::TUNNEL),
                "messenger" => own.with(Self::MESSENGER),
                "file-host" => own.with(Self::FILE_HOST),
                "chain-rpc" => own.with(Self::CHAIN),
                _ => own,
            };
        }
        if traits.any(Traits::HTTP) {
            let mut requests = channel.flows.iter().map(|flow| ledger.requests.of(flow).len());
            let enough =
                requests.try_fold(0, |sum, more| Some(sum + more).filter(|sum| *sum < MANY_REQUESTS));
            own = own.with(Self::ASKED.when(enough.is_none()));
        }
        own
    }
}

/// See [`Marks::ASKED`].
const MANY_REQUESTS: usize = 5;

/// Every trait.
pub const TRAITS: [Traits; 17] = [
    Traits::HTTP,
    Traits::POST,
    Traits::PIECE,
    Traits::TLS,
    Traits::SMTP,
    Traits::FTP,
    Traits::RAW,
    Traits::TCP,
    Traits::ICMP,
    Traits::DOMAIN,
    Traits::SEVERAL,
    Traits::TURNS,
    Traits::EVENTS,
    Traits::DNS,
    Traits::RESOLVER,
    Traits::DEAD,
    Traits::STUFFED,
];
