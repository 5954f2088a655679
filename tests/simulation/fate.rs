//! What can become of a call to the store.

use super::dice::Dice;
use super::operator::Call;
use super::world::What;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Normal,
    /// The operator is killed before its call is sent.
    CrashBefore,
    /// The operator is killed before the answer is heard.
    CrashAfter,
    /// The store refuses.
    Refused,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// The operator gives up waiting; the write lands later, within its bound.
    Late,
    /// It is done, and arrives once more later.
    Twice,
    /// The machine sleeps with the call not sent.
    FreezeBefore,
    /// The machine sleeps with the answer not read.
    FreezeAfter,
}

impl Fate {
    pub fn of_call(dice: &mut Dice, call: &Call) -> Self {
        let fate = dice.weighted(&[
            (62, Self::Normal),
            (6, Self::CrashBefore),
            (7, Self::CrashAfter),
            (4, Self::Refused),
            (5, Self::AnswerLost),
            (6, Self::Late),
            (3, Self::Twice),
            (4, Self::FreezeBefore),
            (3, Self::FreezeAfter),
        ]);
        // A read has nothing to do twice.
        if matches!(call, Call::Load(_)) && fate == Self::Twice { Self::Normal } else { fate }
    }
}

impl Call {
    pub fn shown(&self) -> String {
        match self {
            Self::Load(_) => "reading:".to_owned(),
            Self::Write { what: What::Keyring(keyring), .. } => format!("writing keyring {}:", keyring.revision),
            Self::Write { what: What::Output { id, header, .. }, .. } => {
                format!("writing {} at revision {}:", id.name, header.revision)
            }
        }
    }
}
