//! A certificate that is replaced while it is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use super::wire::{Wire, ask};
use super::{ADMIN, World};
use crate::support::{Database, PATIENCE, TestGateway, eventually};

/// What operators are told of the public listener's certificate.
async fn told(world: &World, gateway: &TestGateway) -> Value {
    let url = format!("https://localhost:{}/ready", gateway.admin_address().port());
    let request = world.http().get(url).bearer_auth(ADMIN);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let all = answer["tls"].as_array().unwrap();
    assert_eq!(all.len(), 2, "{answer}");
    assert_eq!((&all[0]["listener"], &all[1]["listener"]), (&"public".into(), &"admin".into()));
    all[0].clone()
}

/// A sample of the public listener on the page of metrics.
async fn measured(world: &World, gateway: &TestGateway, name: &str) -> f64 {
    let url = format!("https://localhost:{}/metrics", gateway.admin_address().port());
    let answer = world.http().get(url).bearer_auth(ADMIN).send().await.unwrap();
    let text = answer.text().await.unwrap();
    let sample = format!("portcullis_tls_certificate_{name}{{listener=\"public\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&sample));
    line.unwrap_or_else(|| panic!("no {sample}: {text}")).parse().unwrap()
}

/// Requests on new connections, one after the other, until told to stop: how many, and how many failed.
async fn load(wire: Wire, gateway: std::net::SocketAddr, stop: Arc<AtomicBool>) -> (usize, usize) {
    let (mut all, failed) = (0, AtomicUsize::new(0));
    while !stop.load(Ordering::Relaxed) {
        all += 1;
        if wire.get(gateway, "/ready", "").await != Ok(200) {
            failed.fetch_add(1, Ordering::Relaxed);
        }
    }
    (all, failed.into_inner())
}

pub(crate) async fn a_new_certificate_is_served_and_no_request_fails(database: Database) {
    let world = World::new(&database);
    let gateway = world.start(&database, false, "").await;
    let (at, wire) = (gateway.address(), world.wire());
    let old = wire.shown(at).await;
    let mut kept = wire.connect(at).unwrap();
    assert_eq!(ask(&mut kept, "/ready", ""), Ok(200));
    let stop = Arc::new(AtomicBool::new(false));
    let loads: Vec<_> =
        (0..3).map(|_| tokio::spawn(load(wire.clone(), at, Arc::clone(&stop)))).collect();

    let new = world.issue();
    world.write_pair(&new);
    eventually(PATIENCE, async || (wire.shown(at).await == new.certificate).then_some(())).await;
    let admin =
        async || (wire.shown(gateway.admin_address()).await == new.certificate).then_some(());
    eventually(PATIENCE, admin).await;
    assert_ne!(old, new.certificate);
    assert_eq!(ask(&mut kept, "/ready", ""), Ok(200), "an old connection lives on");
    stop.store(true, Ordering::Relaxed);
    for load in loads {
        let (all, failed) = load.await.unwrap();
        assert!(all > 0 && failed == 0, "{failed} of {all} failed");
    }
    gateway.stop().await;
}

pub(crate) async fn half_a_pair_is_never_served(database: Database) {
    let world = World::new(&database);
    let gateway = world.start(&database, false, "").await;
    let (at, wire) = (gateway.address(), world.wire());
    let old = wire.shown(at).await;
    assert_eq!(told(&world, &gateway).await["fault"], Value::Null);
    assert!(measured(&world, &gateway, "fault").await < 0.5);
    let days = measured(&world, &gateway, "expires_in_seconds").await / 86400.0;
    assert!((59.9..=60.0).contains(&days), "{days}");

    let new = world.issue();
    world.write("tls.crt", &new.certificate);
    // Looked at again and again, also once the watcher has judged what lies there.
    let refused = async |with: &str| {
        eventually(PATIENCE, async || {
            let fault = told(&world, &gateway).await["fault"].clone();
            assert_eq!(wire.shown(at).await, old, "{fault}");
            (fault == with).then_some(())
        })
        .await;
    };
    refused("private_key does not belong to the certificate").await;
    assert!(measured(&world, &gateway, "fault").await > 0.5);
    world.write("tls.key", &new.private_key[..new.private_key.len() / 2]);
    refused("private_key holds no private key in PEM").await;

    world.write("tls.key", &new.private_key);
    eventually(PATIENCE, async || (wire.shown(at).await == new.certificate).then_some(())).await;
    let standing = told(&world, &gateway).await;
    assert_eq!((&standing["fault"], &standing["days_left"]), (&Value::Null, &59.into()));
    gateway.stop().await;
}
