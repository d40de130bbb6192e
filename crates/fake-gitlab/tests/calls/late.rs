//! Deeds that are done after the caller gave up, and faults at one place.

use std::time::{Duration, Instant};

use crate::support::{ADMIN, PLAIN, get, gitlab, request, send};
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenState};
use reqwest::Method;

const SELF: &str = "/api/v4/personal_access_tokens/self";
const LATE: Duration = Duration::from_millis(300);

/// Asks for `PLAIN`'s end, gets no answer, and sees it come about all the same, so much `later`.
async fn comes_about(gitlab: &FakeGitlab, later: Duration, patience: Duration) -> reqwest::Error {
    let call = request(gitlab, Method::DELETE, SELF, PLAIN).timeout(patience);
    let before = Instant::now();
    let error = call.send().await.unwrap_err();
    while gitlab.state(PLAIN) == Some(TokenState::Active) {
        assert!(before.elapsed() < Duration::from_secs(20), "it never comes");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(before.elapsed() >= later, "{:?}", before.elapsed());
    error
}

#[tokio::test]
async fn a_cut_call_is_carried_out_later() {
    let gitlab = gitlab();
    gitlab.fault_next(1, Fault::LateAfterCut(LATE));
    let error = comes_about(&gitlab, LATE, Duration::from_secs(10)).await;
    assert!(!error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn an_unanswered_call_is_carried_out_after_the_caller_left() {
    let gitlab = gitlab();
    let (patience, later) = (Duration::from_secs(1), Duration::from_secs(2));
    gitlab.fault_next(1, Fault::LateUnanswered(later));
    let error = comes_about(&gitlab, later, patience).await;
    assert!(error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn a_late_answer_tells_of_what_is_done_already() {
    let gitlab = gitlab();
    gitlab.fault_next(1, Fault::AnsweredLate(LATE));
    let before = Instant::now();
    let call = tokio::spawn(request(&gitlab, Method::DELETE, SELF, PLAIN).send());
    while gitlab.state(PLAIN) != Some(TokenState::Revoked) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answered = call.is_finished();
    assert!(!answered || before.elapsed() >= LATE, "it is done and not answered");
    assert_eq!(call.await.unwrap().unwrap().status(), 204);
    assert!(before.elapsed() >= LATE);
}

#[tokio::test]
async fn what_is_late_goes_with_the_server() {
    let gitlab = gitlab();
    gitlab.fault_next(1, Fault::LateAfterCut(Duration::from_hours(1)));
    request(&gitlab, Method::DELETE, SELF, PLAIN).send().await.unwrap_err();
    let before = Instant::now();
    drop(gitlab);
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_fault_waits_for_its_path() {
    let gitlab = gitlab();
    let fault = |status| Fault::Status { status, retry_after: None };
    gitlab.fault_next_at("GET", "/impersonation_tokens", 1, fault(502));
    gitlab.fault_next_at("GET", "/api/v4/users/2", 2, fault(503));
    gitlab.fault_next_at("POST", "/api/v4/user", 1, fault(504));
    let list = "/api/v4/users/2/impersonation_tokens";
    for (path, status) in [
        ("/api/v4/user", 200),
        ("/api/v4/users/1", 200),
        ("/api/v4/users/2", 503),
        (list, 502),
        (list, 503),
        (list, 200),
        ("/api/v4/users/2", 200),
    ] {
        assert_eq!(get(&gitlab, path, ADMIN).await.status, status, "{path}");
    }
    assert_eq!(send(request(&gitlab, Method::POST, "/api/v4/user", ADMIN)).await.status, 504);
}
