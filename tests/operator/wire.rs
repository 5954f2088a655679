//! The operator's connection to the API server, with an ear on it, and a way to cut it.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use tokio::sync::Notify;
use tower::{BoxError, Layer, Service};

/// Hears every request of one operator, and cuts the connection where a test says so.
#[derive(Clone, Default)]
pub struct Wire {
    state: Arc<Mutex<State>>,
}

/// What goes wrong, counted in writes from the moment at which the fault is set. Events don't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operator dies before its n-th write.
    KilledBefore(usize),
    /// The operator dies after its n-th write, before it hears the answer.
    KilledAfter(usize),
    /// The n-th write never arrives, and the operator is told so.
    Refused(usize),
    /// The n-th write lands, but its answer is lost.
    AnswerLost(usize),
    /// The n-th write waits until it is released.
    Held(usize),
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub query: String,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    fault: Option<Fault>,
    writes: usize,
    cut: bool,
    gate: Arc<Notify>,
}

/// What becomes of one request.
#[derive(Clone, Copy)]
enum Fate {
    Passes,
    NeverSent,
    SentThenSilence,
    Refused,
    SentThenError,
    Held,
}

impl Wire {
    /// A connection that will fail.
    pub fn with(fault: Fault) -> Self {
        let wire = Self::default();
        wire.fail(fault);
        wire
    }

    /// Writes are counted from here on, and the fault strikes once.
    pub fn fail(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = Some(fault);
        state.writes = 0;
    }

    /// Whether the fault has struck.
    pub fn has_struck(&self) -> bool {
        let state = self.state();
        state.fault.is_none() || state.cut
    }

    /// How many requests were tried, watches and lists among them.
    pub fn attempts(&self) -> usize {
        self.state().calls.len()
    }

    /// Forgets what it heard.
    pub fn reset(&self) {
        self.state().calls.clear();
    }

    /// Everything heard so far, without watches, lists and events.
    pub fn calls(&self) -> Vec<Call> {
        let is_object = |call: &&Call| !call.is_event() && (call.is_write() || !call.is_list_or_watch());
        self.state().calls.iter().filter(is_object).cloned().collect()
    }

    /// The writes among them.
    pub fn writes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(Call::is_write).collect()
    }

    /// The calls about one key set and what is written for it.
    pub fn calls_about(&self, set: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.is_about(set)).collect()
    }

    /// The writes among those.
    pub fn writes_about(&self, set: &str) -> Vec<Call> {
        self.writes().into_iter().filter(|call| call.is_about(set)).collect()
    }

    fn hear(&self, call: Call) -> Fate {
        let mut state = self.state();
        if state.cut {
            return Fate::NeverSent;
        }
        let counts = call.is_write() && !call.is_event();
        state.calls.push(call);
        if !counts {
            return Fate::Passes;
        }
        state.writes += 1;
        let (struck, fate) = match state.fault {
            Some(Fault::KilledBefore(n)) => (n, Fate::NeverSent),
            Some(Fault::KilledAfter(n)) => (n, Fate::SentThenSilence),
            Some(Fault::Refused(n)) => (n, Fate::Refused),
            Some(Fault::AnswerLost(n)) => (n, Fate::SentThenError),
            Some(Fault::Held(n)) => (n, Fate::Held),
            None => return Fate::Passes,
        };
        if state.writes < struck {
            return Fate::Passes;
        }
        match fate {
            Fate::NeverSent => state.cut = true,
            Fate::Refused | Fate::SentThenError | Fate::Held => state.fault = None,
            Fate::Passes | Fate::SentThenSilence => {}
        }
        fate
    }

    /// Lets the write go on that is held.
    pub fn release(&self) {
        self.state().gate.notify_one();
    }

    fn cut(&self) {
        self.state().cut = true;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    fn is_event(&self) -> bool {
        self.path.contains("/events")
    }

    fn is_list_or_watch(&self) -> bool {
        ["/jwkskeysets", "/secrets", "/configmaps"].iter().any(|kind| self.path.ends_with(kind))
    }

    /// A create names its object only in its body, so it is about any set.
    pub fn is_about(&self, set: &str) -> bool {
        let names = [set.to_owned(), format!("{set}-keyring"), format!("{set}-signer"), format!("{set}-jwks")];
        self.method == Method::POST || self.path.split('/').any(|part| names.iter().any(|name| name == part))
    }
}

impl<S> Layer<S> for Wire {
    type Service = Tapped<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Tapped { inner, wire: self.clone() }
    }
}

/// A service whose requests are heard.
pub struct Tapped<S> {
    inner: S,
    wire: Wire,
}

impl<S, B, A> Service<Request<B>> for Tapped<S>
where
    S: Service<Request<B>, Response = Response<A>, Error = BoxError>,
    S::Future: Send + 'static,
    A: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let call = Call {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
        };
        let wire = self.wire.clone();
        match self.wire.hear(call) {
            Fate::Passes => Box::pin(self.inner.call(request)),
            Fate::NeverSent => Box::pin(std::future::pending()),
            Fate::Refused => Box::pin(async { Err("the connection was refused".into()) }),
            Fate::SentThenSilence => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    drop(answer.await);
                    wire.cut();
                    std::future::pending().await
                })
            }
            Fate::Held => {
                let (gate, answer) = (Arc::clone(&self.wire.state().gate), self.inner.call(request));
                Box::pin(async move {
                    gate.notified().await;
                    answer.await
                })
            }
            Fate::SentThenError => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    drop(answer.await);
                    Err("the connection broke before the answer came".into())
                })
            }
        }
    }
}
