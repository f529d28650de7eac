//! Who does something.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// Who does something, and of what kind they are.
///
/// On one machine nobody proves who they are: the name is taken as said, and shown as unauthenticated.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// An e-mail address, or the operating system's user name.
    pub name: String,
    /// Person, agent or CI.
    pub kind: Kind,
}

/// The kinds of actor. Only a person may do what needs a person.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A human being.
    Person,
    /// A program that decides by itself, an AI agent say.
    Agent,
    /// A program that follows a script.
    Ci,
}

impl std::str::FromStr for Kind {
    type Err = crate::ids::BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "person" => Ok(Self::Person),
            "agent" => Ok(Self::Agent),
            "ci" => Ok(Self::Ci),
            _ => Err(crate::ids::BadId {
                text: text.to_owned(),
                expected: "a kind of actor: `person`, `agent` or `ci`",
            }),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Person => "person",
            Self::Agent => "agent",
            Self::Ci => "ci",
        })
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Person => f.write_str(&self.name),
            Kind::Agent | Kind::Ci => write!(f, "{} ({})", self.name, self.kind),
        }
    }
}
