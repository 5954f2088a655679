//! The clocks of a pass: the machine's own, and that of the API server as its answers tell it.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use chrono::{DateTime, TimeDelta, Utc};
use http::header::DATE;
use http::{Request, Response};
use tower::{Layer, Service};

use crate::keyring::Time;
use crate::lifecycle::Now;

/// Says what time it is, once a pass.
pub trait Clock: Send + Sync {
    /// Now, by every clock there is.
    fn now(&self) -> Now;
}

/// The machine's own clock, where there is no other.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let now = Utc::now();
        Now::new(now, now)
    }
}

/// The machine's clock together with the API server's, which is learned from the `Date` header (RFC 9110 section
/// 6.6.1) of every answer that passes through this layer.
#[derive(Clone, Debug, Default)]
pub struct ServerClock {
    seen: Arc<Mutex<Option<Sighting>>>,
}

/// How far the server's clock was from the own one.
#[derive(Clone, Copy, Debug)]
struct Sighting {
    /// The server's clock is at least the own one plus this.
    least: TimeDelta,
    /// The server's clock is at most the own one plus this: the header leaves out the fraction of a second.
    most: TimeDelta,
}

impl ServerClock {
    /// Learns from one answer that was asked for at `sent` and came at `received`, by the own clock, which may have been set back
    /// in between.
    fn learn(&self, date: Time, sent: Time, received: Time) {
        let (first, last) = (sent.min(received), sent.max(received));
        let sighting = Sighting { least: date - last, most: date + TimeDelta::seconds(1) - first };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(sighting);
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Now {
        let own = Utc::now();
        match *self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Now::new(own, own),
            Some(Sighting { least, most }) => Now::new(own.min(own + least), own.max(own + most)),
        }
    }
}

impl<S> Layer<S> for ServerClock {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Watched { inner, clock: self.clone() }
    }
}

/// A service whose answers are looked at for their `Date`.
#[derive(Clone, Debug)]
pub struct Watched<S> {
    inner: S,
    clock: ServerClock,
}

impl<S, B, A> Service<Request<B>> for Watched<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let clock = self.clock.clone();
        let sent = Utc::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            let date = response.headers().get(DATE).and_then(|value| value.to_str().ok());
            if let Some(date) = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok()) {
                clock.learn(date.with_timezone(&Utc), sent, Utc::now());
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_earlier_and_the_later_of_both_clocks() {
        let clock = ServerClock::default();
        for (behind, ahead) in [(-100, -100), (100, 100)] {
            let own = Utc::now();
            clock.learn(own + TimeDelta::seconds(behind), own, own);
            let now = clock.now();
            let server = Utc::now() + TimeDelta::seconds(ahead);
            assert!(now.earlier <= server.min(Utc::now()), "never decides too early");
            assert!(now.later >= server.max(own), "never writes down too early");
            assert!(now.later - now.earlier < TimeDelta::seconds(103));
        }
    }

    #[test]
    fn a_step_of_the_own_clock_during_an_answer_is_no_step_of_the_servers() {
        for step in [-100, 100] {
            let clock = ServerClock::default();
            let received = Utc::now();
            let sent = received - TimeDelta::seconds(step);
            // The server agrees with the own clock as it was.
            clock.learn(sent, sent, received);
            let server = || Utc::now() - TimeDelta::seconds(step);
            let (before, now, after) = (server(), clock.now(), server());
            assert!(now.earlier <= after && now.later >= before, "{step}: {now:?} without {before}");
        }
    }
}
