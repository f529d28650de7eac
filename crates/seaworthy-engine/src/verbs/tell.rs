//! Delivers what waits in the outbox. A failed notification never fails a change; it is tried again.

use jiff::Timestamp;
use seaworthy_core::explain::Explanation;
use seaworthy_core::notice::Delivery;
use seaworthy_core::ports::Write;

use crate::failure;
use crate::office::Office;

/// What came of one look into the outbox.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Told {
    /// How many letters were delivered.
    pub delivered: usize,
    /// How many wait for another try.
    pub waiting: usize,
    /// How many were refused for good.
    pub refused: usize,
}

/// Delivers what is due, for at most `patience`. What is due later within it is waited for.
///
/// # Errors
///
/// The store's. What the other side says is no error: it is kept with the letter.
pub async fn tell(
    office: &Office,
    patience: std::time::Duration,
    even_if_not_due: bool,
) -> Result<Told, Explanation> {
    let until = office.now().checked_add(patience).unwrap_or(Timestamp::MAX);
    let mut told = Told::default();
    let mut first = true;
    loop {
        let letters = office.store.letters().await.map_err(|error| failure::store(&error))?;
        let due = letters
            .iter()
            .filter(|letter| (even_if_not_due && first) || letter.not_before <= office.now());
        let due: Vec<_> = due.cloned().collect();
        for letter in due {
            let delivery = office.notifier.deliver(&letter).await;
            match &delivery {
                Delivery::Delivered => told.delivered += 1,
                Delivery::Refused(_) => told.refused += 1,
                Delivery::Later { .. } => {}
            }
            let write = Write::Delivery {
                letter: letter.id,
                at: office.now(),
                delivery: clean(office, delivery),
            };
            office.commit(vec![write]).await?;
        }
        first = false;
        let left = office.store.letters().await.map_err(|error| failure::store(&error))?;
        told.waiting = left.len();
        let next = left.iter().map(|letter| letter.not_before).min();
        match next.filter(|next| *next < until) {
            Some(next) if office.now() < until => office.clock.sleep(next).await,
            _ => return Ok(told),
        }
    }
}

fn clean(office: &Office, delivery: Delivery) -> Delivery {
    match delivery {
        Delivery::Delivered => Delivery::Delivered,
        Delivery::Later { after_ms, why } => {
            Delivery::Later { after_ms, why: office.redactor.clean(&why) }
        }
        Delivery::Refused(why) => Delivery::Refused(office.redactor.clean(&why)),
    }
}
