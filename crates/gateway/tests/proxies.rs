//! The guides for reverse proxies, with the real nginx and the real Caddy between a client, a gateway and
//! a service. `make setup` installs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "proxies/body.rs"]
mod body;
#[path = "proxies/credentials.rs"]
mod credentials;
#[path = "proxies/forged.rs"]
mod forged;
#[path = "proxies/front.rs"]
mod front;
#[path = "proxies/paths.rs"]
mod paths;
#[path = "proxies/process.rs"]
mod process;
#[path = "proxies/proxy.rs"]
mod proxy;
#[path = "http/raw.rs"]
mod raw;
#[path = "proxies/service.rs"]
mod service;
#[expect(dead_code, reason = "these tests need a part of it")]
mod support;
#[path = "proxies/trouble.rs"]
mod trouble;
#[path = "proxies/world.rs"]
mod world;

/// Each test twice: the output counts them as `nginx::…` and `caddy::…`.
macro_rules! with_both_proxies {
    ($($module:ident :: $test:ident),* $(,)?) => {
        mod nginx {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$module::$test(super::proxy::Kind::Nginx).await;
            })*
        }
        mod caddy {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$module::$test(super::proxy::Kind::Caddy).await;
            })*
        }
    };
}

with_both_proxies![
    credentials::who_is_known_is_told,
    credentials::who_is_not_known_is_asked_for_a_credential,
    forged::the_clients_own_names_never_arrive,
    forged::they_are_deleted_whatever_is_answered,
    forged::no_name_of_ours_is_struck_out_by_the_client,
    paths::a_profile_holds_for_its_paths,
    paths::the_callers_own_query_is_the_services_alone,
    body::a_body_arrives_whole_and_is_not_asked_about,
    trouble::without_an_answer_nobody_passes,
    trouble::long_values_pass,
];
