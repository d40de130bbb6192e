//! The operators' listener where it asks for certificates.

use portcullis_test_support::{Authority, Issued, Life};

use super::wire::Wire;
use super::{ADMIN, World};
use crate::support::{Database, PATIENCE, eventually};

const LIST: &str = "/v1/revocations";

fn showing(world: &World, identity: Option<Issued>) -> Wire {
    Wire { identity, ..world.wire() }
}

pub(crate) async fn operators_show_a_certificate_and_the_token(database: Database) {
    let world = World::new(&database);
    let (clients, foreign) = (Authority::new("clients"), Authority::new("clients"));
    world.write("clients.pem", &clients.pem());
    let gateway = world.start(&database, true, "").await;
    let at = gateway.admin_address();
    let right = clients.issue(&["ann"], Life::Days(1));
    let good = showing(&world, Some(right.clone()));
    assert_eq!(good.get(at, LIST, ADMIN).await, Ok(200));
    assert_eq!(good.get(at, LIST, "").await, Ok(401), "never instead of the token");
    assert_eq!(good.get(at, LIST, "another-token").await, Ok(401));
    for (who, identity) in [
        ("none", None),
        ("foreign", Some(foreign.issue(&["ann"], Life::Days(1)))),
        ("the server's CA", Some(world.ca.issue(&["ann"], Life::Days(1)))),
        ("over", Some(clients.issue(&["ann"], Life::Over))),
        ("to come", Some(clients.issue(&["ann"], Life::ToCome(2)))),
        ("a client as CA", Some(signed_by_a_client(&right))),
    ] {
        for path in [LIST, "/health", "/ready"] {
            let got = showing(&world, identity.clone()).get(at, path, ADMIN).await;
            assert!(got.is_err(), "{who} {path}: {got:?}");
        }
    }
    let public = world.wire().get(gateway.address(), "/health", "").await;
    assert_eq!(public, Ok(200), "the public listener asks nobody");
    gateway.stop().await;
}

/// A certificate that the holder of one signed, shown with nothing between.
fn signed_by_a_client(client: &Issued) -> Issued {
    Authority::of(client).issue(&["mallory"], Life::Days(1))
}

pub(crate) async fn another_ca_of_clients_counts_from_then_on(database: Database) {
    let world = World::new(&database);
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    world.write("clients.pem", &before.pem());
    let gateway = world.start(&database, true, "").await;
    let at = gateway.admin_address();
    let old = showing(&world, Some(before.issue(&["ann"], Life::Days(1))));
    let new = showing(&world, Some(after.issue(&["ann"], Life::Days(1))));
    assert_eq!(old.get(at, LIST, ADMIN).await, Ok(200));
    assert!(new.get(at, LIST, ADMIN).await.is_err());
    world.write("clients.pem", &after.pem());
    let taken = async || (new.get(at, LIST, ADMIN).await == Ok(200)).then_some(());
    eventually(PATIENCE, taken).await;
    assert!(old.get(at, LIST, ADMIN).await.is_err(), "nor is anything resumed");
    gateway.stop().await;
}
