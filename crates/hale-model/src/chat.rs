//! What passes between hale and a team's chat: which apps may send, and what somebody there is answered.

use std::fmt;

/// An app of a chat whose messages are taken.
#[derive(Clone, PartialEq, Eq)]
pub struct ChatApp {
    /// What the chat signs with.
    pub signing_secret: String,
    /// The chat's id of the channel that hale tells.
    pub channel: String,
    /// The chat's ids of those who may answer; `*`: everyone in that channel.
    pub approvers: Vec<String>,
}

impl ChatApp {
    /// Whether this person may answer what hale asks.
    pub fn may_answer(&self, user: &str) -> bool {
        self.approvers.iter().any(|approver| approver == "*" || approver == user)
    }
}

impl fmt::Debug for ChatApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChatApp {{ channel: {:?}, approvers: {:?} }}", self.channel, self.approvers)
    }
}

/// What somebody in a chat is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatReply {
    /// Words that only they see.
    Whisper {
        /// The chat's id of the channel.
        channel: String,
        /// The chat's id of the person.
        user: String,
        /// The words.
        text: String,
    },
    /// A window that asks for a typed YES.
    AskYes {
        /// What the chat gave with the press; good for three seconds.
        trigger_id: String,
        /// The chat's id of the channel.
        channel: String,
        /// The question.
        approval: String,
        /// What hale would do.
        action: String,
        /// Why it is critical.
        why: String,
    },
}
