//! The gateway over HTTP, on SQLite and on Postgres with the same tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "http/abuse/mod.rs"]
mod abuse;
#[path = "http/audit.rs"]
mod audit;
#[path = "http/audit_cli.rs"]
mod audit_cli;
#[path = "http/auth.rs"]
mod auth;
#[path = "http/broker/mod.rs"]
mod broker;
#[path = "http/clients.rs"]
mod clients;
#[path = "http/deaf.rs"]
mod deaf;
#[path = "http/five_ways.rs"]
mod five_ways;
#[path = "http/garbage.rs"]
mod garbage;
#[path = "http/gerrit.rs"]
mod gerrit;
#[path = "http/jobs.rs"]
mod jobs;
#[path = "http/leak.rs"]
mod leak;
#[path = "http/lent.rs"]
mod lent;
#[path = "http/log.rs"]
mod log;
#[path = "http/metrics.rs"]
mod metrics;
#[path = "http/mixed.rs"]
mod mixed;
#[path = "http/notify/mod.rs"]
mod notify;
#[path = "http/odd.rs"]
mod odd;
#[path = "http/oidc.rs"]
mod oidc;
#[path = "http/openapi.rs"]
mod openapi;
#[path = "http/outbound.rs"]
mod outbound;
#[path = "http/partner_out.rs"]
mod partner_out;
#[path = "http/partners/mod.rs"]
mod partners;
#[path = "http/pats.rs"]
mod pats;
#[path = "http/queue.rs"]
mod queue;
#[path = "http/raw.rs"]
mod raw;
#[path = "http/replicas.rs"]
mod replicas;
#[path = "http/reports.rs"]
mod reports;
#[path = "http/resign.rs"]
mod resign;
#[path = "http/routes.rs"]
mod routes;
mod support;
#[path = "http/sweep.rs"]
mod sweep;
#[path = "http/tls/mod.rs"]
mod tls;

use abuse::{addresses, bodies, connections, heads};
use broker::{
    answers, changes, credentials, ends, keys, limits, logs, moved, once, policy, trouble, watch,
};
use partners::{bad, trouble as partners_trouble};

use notify::trouble as trouble_of_webhooks;
use tls::{clients as tls_clients, limits as tls_limits, replaced};

/// Each test on one database.
macro_rules! on {
    ($name:ident, $database:ident: $($module:ident :: $test:ident),* $(,)?) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::log::watch();
                super::$module::$test(super::support::Database::$database().await).await;
                super::log::assert_clean();
            })*
        }
    };
}

/// Each test twice: the output counts them as `on_sqlite::…` and `on_postgres::…`.
macro_rules! on_both_databases {
    ($($module:ident :: $test:ident),* $(,)?) => {
        on!(on_sqlite, sqlite: $($module::$test),*);
        on!(on_postgres, postgres: $($module::$test),*);
    };
}

on_both_databases![
    audit::every_change_has_its_entry_when_it_is_answered,
    audit::every_route_that_is_audited_leaves_an_entry,
    audit::a_flood_of_refused_calls_is_a_few_entries,
    audit::without_a_log_nothing_is_changed,
    audit::a_large_report_is_one_entry,
    audit::killed_under_load_nothing_answered_is_missing,
    audit_cli::each_tampering_is_told_with_its_place,
    audit_cli::a_head_is_taken_as_it_was_made,
    audit_cli::no_head_is_made_of_an_end_that_is_not_ours,
    audit_cli::no_head_is_served_of_an_end_that_is_not_ours,
    audit_cli::an_export_is_proven_by_itself,
    audit_cli::an_export_is_of_one_moment,
    audit_cli::where_there_is_no_log_nobody_can_tell,
    leak::a_leaked_pat_is_dead_at_the_204,
    auth::only_a_good_pat_passes,
    auth::an_expired_pat_is_refused_though_it_is_remembered,
    auth::a_deleted_or_regenerated_pat_is_refused_at_once,
    auth::a_scope_is_asked_for_on_exactly_auth,
    auth::every_method_is_the_same_and_no_body_is_read,
    auth::garbage_is_refused_with_a_status_that_proxies_know,
    broker::a_job_is_given_a_token_that_dies,
    answers::the_answer_is_json_for_whom_it_is_the_best,
    answers::the_json_says_what_was_given,
    answers::gitlab_is_asked_as_the_origin_did,
    answers::less_may_be_asked_for_and_never_more,
    changes::at_another_gitlab_nothing_is_revoked_in_its_place,
    changes::while_paused_nothing_is_lent_and_all_is_revoked,
    changes::a_start_that_forgets_what_was_lent_is_told,
    credentials::who_shows_none_is_asked_for_one,
    credentials::a_bad_jwt_opens_nothing,
    credentials::other_methods_are_refused,
    ends::all_of_a_job_and_nothing_of_others,
    ends::nobody_waits_for_the_next_poll,
    ends::without_a_job_id_the_jwt_counts,
    ends::who_was_given_nothing_has_nothing_to_end,
    ends::what_is_being_made_meanwhile_is_not_handed_out,
    keys::a_job_waits_for_an_issuer_that_is_away,
    keys::every_key_that_is_published_counts,
    limits::a_user_has_a_limit,
    limits::who_asked_too_often_can_give_back,
    limits::a_project_has_a_limit,
    logs::what_is_searched_for_is_what_there_is,
    logs::an_audience_that_nobody_checks_is_told,
    logs::claims_are_logged_where_that_is_wanted,
    moved::it_lives_where_it_is_mounted,
    once::a_jwt_brings_one_token,
    once::a_jwt_past_its_end_brings_no_other,
    once::what_gitlab_did_not_do_may_be_asked_for_again,
    once::at_once_is_once,
    policy::the_first_rule_that_holds_decides,
    policy::forks_get_nothing_unless_allowed,
    policy::odd_claims_get_nothing,
    policy::administrators_get_nothing_unless_allowed,
    policy::who_becomes_an_administrator_is_soon_refused,
    policy::who_cannot_be_asked_for_gets_nothing,
    trouble::its_failures_are_told_in_our_words,
    trouble::what_it_refuses_by_itself_is_told_alike,
    trouble::a_token_that_comes_too_late_is_swept,
    trouble::one_that_is_away_at_the_deadline_is_asked_again,
    watch::a_lost_admin_token_is_told,
    watch::a_poor_admin_token_is_told_before_any_job_comes,
    sweep::what_is_carried_out_late_is_swept,
    sweep::only_orphans_of_this_installation_are_swept,
    sweep::a_gitlab_in_trouble_is_asked_again,
    metrics::admins_and_scrapers_read_them_and_nobody_else,
    metrics::everything_that_is_declared_is_told,
    metrics::counters_move_as_things_happen,
    metrics::what_a_revocation_came_to_is_counted,
    metrics::nothing_that_a_caller_sends_becomes_a_label,
    five_ways::a_leaked_pat_dies_by_each,
    five_ways::a_lent_token_dies_by_each,
    five_ways::what_a_resigned_token_was_made_of_brings_no_more_by_each,
    five_ways::by_all_of_them_it_is_one_leak,
    gerrit::a_gerrit_lets_its_users_in,
    gerrit::a_bad_gerrit_header_is_refused_whatever_comes_with_it,
    gerrit::the_order_of_methods_decides,
    gerrit::a_signer_that_is_away_is_unavailable,
    lent::a_reported_one_dies_whatever_it_is_taken_for,
    lent::others_are_rejected_beside_it_by_their_index,
    lent::of_many_rejections_the_first_are_listed,
    lent::one_that_is_late_is_said_to_be_overdue_until_it_is_done,
    lent::a_report_while_it_is_being_revoked_changes_nothing,
    lent::an_operator_cannot_cancel_it,
    mixed::what_nobody_revokes_is_noted,
    mixed::the_good_die_the_bad_are_named_and_again_changes_nothing,
    odd::an_odd_request_is_answered_as_proxies_know_it,
    oidc::a_token_of_a_configured_issuer_passes,
    oidc::a_bad_token_is_refused,
    oidc::a_name_is_told_whole_or_not_at_all,
    oidc::an_address_is_told_where_the_issuer_vouches,
    oidc::what_asks_for_nothing_goes_on_to_the_next,
    oidc::an_issuer_that_is_away_is_unavailable,
    oidc::an_issuer_that_hangs_or_comes_back_is_looked_after,
    oidc::keys_come_from_where_the_configuration_says,
    oidc::a_profile_asks_for_its_scopes,
    outbound::nothing_goes_where_it_does_not_belong,
    partner_out::a_vendor_gets_a_leak_that_it_can_verify,
    partner_out::a_key_of_before_is_still_served,
    partners::our_pat_is_dead_at_the_label,
    partners::our_pat_is_dead_at_the_204,
    partners::a_lent_token_dies_whatever_it_is_taken_for,
    bad::what_is_not_ours_leaves_nothing,
    bad::a_request_that_does_not_prove_itself_is_refused,
    bad::a_body_is_read_when_it_is_proven_and_no_larger_than_allowed,
    bad::odd_items_are_passed_over,
    partners_trouble::keys_that_cannot_be_had_are_waited_for,
    partners_trouble::strangers_are_slowed_down_and_partners_are_not,
    partners_trouble::a_replay_has_an_end,
    partners_trouble::with_too_many_waiting_partners_must_wait,
    partners_trouble::they_live_where_they_are_mounted_and_where_they_are_configured,
    reports::an_operators_report_is_answered_with_its_rows,
    reports::what_cannot_be_taken_is_named_and_the_rest_is_taken,
    reports::a_body_that_no_operator_means_is_told,
    pats::what_is_wrong_with_a_new_pat_is_named,
    pats::a_token_is_shown_once,
    pats::lists_go_page_by_page_and_by_owner,
    pats::ids_that_name_nothing_are_not_found,
    pats::only_the_admin_token_opens_it,
    garbage::a_body_that_is_no_array_is_refused,
    garbage::a_body_that_breaks_later_is_taken_as_far_as_it_goes,
    garbage::a_bad_item_is_named_and_its_neighbours_are_taken,
    garbage::odd_items_that_are_no_fault_are_taken,
    garbage::a_token_that_is_not_of_its_type_is_refused_and_kept_nowhere,
    garbage::twenty_thousand_items_are_all_there,
    garbage::a_body_of_65_mib_is_too_large,
    clients::a_client_reports_the_types_it_may,
    clients::what_is_made_up_is_taken_from_everybody_and_harms_nobody,
    clients::a_client_has_a_rate_of_its_own,
    clients::wrong_tokens_are_refused_and_then_slowed_down,
    clients::the_endpoints_live_where_they_are_mounted,
    clients::with_too_many_waiting_reports_must_wait,
    jobs::a_job_reports_as_its_project,
    jobs::whoever_is_no_such_job_reports_nothing,
    jobs::without_the_section_no_job_reports,
    jobs::rules_types_and_a_rate_hold_for_jobs,
    jobs::jobs_that_no_rule_lets_in_are_slowed_down,
    jobs::jobs_wait_for_an_issuer_that_is_away,
    queue::a_leaked_gitlab_token_dies_at_its_gitlab,
    queue::what_cannot_revoke_itself_dies_by_the_administrator,
    queue::an_operator_approves_or_cancels_what_is_held,
    queue::a_fingerprint_is_found_by_how_it_begins,
    queue::what_an_operator_gets_wrong_is_told,
    notify::each_outcome_is_told_and_no_secret,
    notify::a_webhook_is_told_what_it_asks_for,
    notify::whose_pat_it_was_is_told,
    notify::a_message_is_signed,
    notify::a_burst_is_told_in_few_messages,
    notify::a_strangers_text_is_harmless_in_a_chat,
    trouble_of_webhooks::one_that_hangs_delays_nobody,
    trouble_of_webhooks::one_that_is_down_is_told_later,
    trouble_of_webhooks::one_that_asks_for_a_pause_gets_it,
    resign::an_upstream_token_may_be_good_once,
    resign::a_leaked_token_is_noted_and_its_source_dries_up,
    resign::what_says_not_what_it_was_made_of_is_noted_alone,
    resign::a_forged_token_is_nobodys,
    resign::an_upstream_token_that_leaks_brings_nothing_more,
    resign::used_and_leaked_stand_beside_each_other,
    openapi::each_listener_serves_its_own_document,
    routes::nobody_enters_without_the_credential,
    routes::other_methods_are_refused_with_those_allowed,
];

on![
    on_sqlite_alone, sqlite:
    addresses::a_stranger_is_believed_nothing,
    addresses::behind_a_trusted_proxy_each_client_counts_for_itself,
    bodies::a_body_that_drips_or_stands_still_ends,
    bodies::a_slow_body_that_goes_on_is_taken,
    bodies::a_body_without_end_is_refused,
    bodies::large_reports_are_taken_a_few_at_a_time,
    connections::what_only_stands_is_closed,
    connections::idle_connections_hold_nobody_up,
    connections::too_many_connections_wait_and_are_served_later,
    connections::an_address_has_so_many_and_a_trusted_proxy_more,
    connections::both_listeners_have_one_grace,
    heads::a_huge_head_is_refused_and_the_next_client_served,
    heads::garbage_in_a_pipeline_ends_it,
    partner_out::the_keys_of_all_vendors_are_one_document,
    partner_out::the_pages_lines_work_when_pasted,
    resign::what_comes_in_is_answered_as_by_the_origin,
    resign::a_token_that_does_not_prove_is_refused,
    resign::the_key_is_chosen_as_asked_as_signed_or_by_default,
    resign::a_token_of_ours_has_these_claims,
    resign::what_is_cloned_is_what_is_there,
    resign::the_discovery_document_has_six_members,
    resign::public_halves_are_published_and_nothing_else,
    resign::documents_can_be_kept,
    resign::the_issuer_is_fixed_or_follows_the_host,
    resign::the_issuer_follows_the_host_by_tls_too,
    resign::both_surfaces_share_their_path,
    resign::an_upstream_that_is_away_or_slow_is_said,
    resign::a_slow_upstream_delays_nobody_else,
    resign::keys_come_from_file_address_or_discovery,
    resign::headers_go_where_the_configuration_says,
    resign::a_token_is_exchanged,
    resign::an_exchange_that_fails_is_told_as_oauth_tells_it,
    resign::subjects_never_collide,
    resign::rules_and_audiences_let_in,
    resign::a_life_is_capped_and_an_id_given,
    resign::keys_are_replaced_while_it_runs,
    resign::the_guides_lines_work_when_pasted,
    resign::the_guides_exchange_works_when_pasted,
    tls::both_listeners_speak_http_1_1,
    tls::old_versions_and_weak_suites_are_refused,
    tls::who_never_finishes_is_cut_off_and_keeps_nobody_out,
    tls::what_is_no_tls_is_answered_by_nothing,
    tls::what_is_under_way_ends_well_when_it_stops,
    replaced::a_new_certificate_is_served_and_no_request_fails,
    replaced::half_a_pair_is_never_served,
    tls_limits::an_address_has_so_many_connections,
    tls_limits::a_connection_that_stands_is_closed,
    tls_limits::a_body_that_stands_still_ends,
    tls_limits::http_2_is_not_spoken,
    tls_clients::operators_show_a_certificate_and_the_token,
    tls_clients::another_ca_of_clients_counts_from_then_on,
];
