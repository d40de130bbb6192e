//! What the store promises, asked of SQLite and of Postgres with the same tests.

#[path = "conformance/support.rs"]
mod support;

#[path = "conformance/audit.rs"]
mod audit;
#[path = "conformance/audit_ends.rs"]
mod audit_ends;
#[path = "conformance/audit_meanwhile.rs"]
mod audit_meanwhile;
#[path = "conformance/clock.rs"]
mod clock;
#[path = "conformance/gauges.rs"]
mod gauges;
#[path = "conformance/issuances.rs"]
mod issuances;
#[path = "conformance/lent.rs"]
mod lent;
#[path = "conformance/notices.rs"]
mod notices;
#[path = "conformance/once.rs"]
mod once;
#[path = "conformance/outbox.rs"]
mod outbox;
#[path = "conformance/pats.rs"]
mod pats;
#[path = "conformance/queue.rs"]
mod queue;
#[path = "conformance/report.rs"]
mod report;
#[path = "conformance/retention.rs"]
mod retention;
#[path = "conformance/standby.rs"]
mod standby;
#[path = "conformance/sweep.rs"]
mod sweep;
#[path = "conformance/upgrade.rs"]
mod upgrade;

/// Each test twice: the output counts them as `on_sqlite::…` and `on_postgres::…`.
macro_rules! on_both_databases {
    ($($module:ident :: $test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$module::$test(super::support::Database::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$module::$test(super::support::Database::postgres().await).await;
            })*
        }
    };
}

on_both_databases![
    audit::what_nobody_touched_is_whole,
    audit::every_tampering_is_found_with_its_place,
    audit::a_whole_chain_cannot_go_unnoticed,
    audit::a_cut_tail_is_known_to_a_head_and_to_later_chains,
    audit::what_was_written_anew_is_known_to_a_head,
    audit::a_database_that_drops_entries_is_not_believed,
    audit::a_row_in_our_way_does_not_stop_us,
    audit::two_who_take_away_at_once_leave_a_whole_log,
    audit::the_ends_of_the_queue_are_recorded_with_them,
    audit::an_attempt_that_nobody_heard_of_is_not_written_twice,
    audit::what_is_old_goes_and_leaves_a_checkpoint,
    audit::nothing_that_was_made_to_look_old_goes,
    audit::a_forged_checkpoint_hides_nothing,
    audit::several_begin_and_write_at_once,
    audit::entries_cannot_be_changed_by_mistake,
    audit_ends::an_end_that_is_not_ours_is_not_vouched_for,
    audit_ends::a_hidden_end_is_remembered_when_it_is_seen_again,
    audit_ends::a_chain_taken_from_the_register_for_a_while_is_remembered,
    audit_ends::what_retention_took_does_not_come_back_as_an_end,
    audit_ends::a_number_that_none_of_ours_can_have_stops_nobody,
    audit_ends::entries_of_any_number_are_gone_along,
    audit_meanwhile::a_snapshot_is_of_one_moment,
    retention::what_ended_long_ago_is_forgotten_and_nothing_else,
    retention::many_are_forgotten_piece_by_piece,
    report::a_new_secret_becomes_one_pending_row,
    report::a_second_report_is_a_sighting_more,
    report::a_hundred_sightings_are_kept_and_all_are_counted,
    report::ends_are_erased_and_stay_what_they_are,
    report::failed_is_rearmed_once_a_day,
    report::inactive_is_rearmed_when_unconfirmed_or_said_by_another_provider,
    report::refused_is_rearmed_when_the_handling_changed,
    report::a_providers_refusal_is_questioned_once_a_day,
    report::a_report_that_does_not_fit_changes_no_end,
    report::a_rearmed_row_ignores_the_old_lease,
    report::held_noted_and_simulated_are_never_claimed,
    report::another_mode_changes_nothing_about_what_waits,
    report::overlapping_batches_in_opposite_order_all_commit,
    report::odd_characters_survive,
    report::an_end_can_say_why,
    queue::a_claim_is_exclusive_until_its_lease_runs_out,
    queue::a_lease_that_ran_out_cannot_write_the_end_of_its_successor,
    queue::a_retry_waits_and_counts,
    queue::an_unsettled_lease_makes_the_next_attempt_uncertain,
    queue::claims_are_by_provider_and_oldest_first,
    queue::giving_up_keeps_the_seal_and_erases_it_later,
    queue::many_are_given_up_and_erased_piece_by_piece,
    queue::waiting_is_counted_up_to_a_limit,
    queue::next_run_tells_the_pause,
    queue::an_operator_can_approve_cancel_and_retry,
    queue::lists_page_by_page,
    queue::lists_what_lies_between_two_fingerprints,
    queue::lists_those_that_are_named,
    queue::the_first_key_wins,
    queue::events_are_told_after_the_commit,
    queue::leases_after_a_restart,
    queue::reports_and_settlements_do_not_stand_in_each_others_way,
    clock::what_was_reported_ahead_runs_at_once,
    clock::a_little_ahead_is_left_alone,
    clock::a_lent_token_is_due_within_its_lifetime,
    clock::what_was_tried_ahead_keeps_its_pause,
    clock::a_lease_taken_ahead_runs_out,
    clock::a_lease_of_a_round_ahead_lasts_as_long,
    clock::many_are_brought_back_piece_by_piece,
    clock::an_intent_ahead_is_swept,
    clock::a_duty_held_ahead_is_anybodys,
    gauges::what_waits_is_counted_by_provider_and_state,
    gauges::what_was_given_up_is_counted_for_a_while,
    gauges::what_nobody_was_told_and_what_gitlab_may_have_made,
    issuances::a_whole_day_is_forgotten_without_holding_anybody_up,
    pats::a_pat_is_kept_found_listed_and_changed,
    pats::a_reported_pat_dies_in_the_reporting_transaction,
    pats::a_regenerated_pat_leaves_a_tombstone,
    pats::of_many_regenerations_at_once_one_token_works,
    pats::a_deleted_pat_stays_in_the_list,
    pats::use_is_remembered_to_the_minute,
    pats::changes_are_told,
    once::a_token_is_used_once_until_it_has_expired,
    once::of_many_at_once_one_uses_it,
    once::what_has_expired_is_forgotten,
    once::what_leaked_is_told_until_it_has_expired,
    once::what_was_used_and_what_leaked_are_refused_alike,
    once::leaks_in_opposite_order_do_not_stand_in_each_others_way,
    issuances::an_installation_is_named_once,
    issuances::a_token_is_due_when_its_time_is_over,
    issuances::after_its_lease_a_token_is_not_handed_out,
    issuances::a_lease_that_is_void_never_comes_back,
    issuances::a_refused_intent_ends_without_a_token,
    issuances::what_a_job_was_given_ends_with_it,
    issuances::a_token_is_handed_out_in_time_or_due_at_once,
    issuances::a_jwt_is_used_once,
    issuances::of_many_uses_at_once_one_wins,
    issuances::the_tables_refuse_what_cannot_be,
    sweep::users_with_the_youngest_intents_are_swept_first,
    sweep::the_pause_before_the_next_look_grows,
    sweep::only_what_nobody_hands_out_is_swept,
    sweep::everybody_with_a_token_is_known,
    sweep::another_gitlab_is_not_asked_about_these_users,
    sweep::what_nobody_needs_is_forgotten,
    sweep::an_intent_is_kept_while_its_token_may_be_alive,
    sweep::rows_of_lent_tokens_go_with_all_that_belongs_to_them,
    sweep::many_rows_are_forgotten_in_pieces,
    sweep::a_duty_is_one_replicas_until_its_time_runs_out,
    sweep::intents_and_duties_after_a_restart,
    lent::a_reported_one_is_due_now_whatever_it_is_taken_for,
    lent::a_report_while_it_is_being_revoked_changes_nothing,
    lent::a_failed_one_is_tried_again_once_a_day,
    lent::no_other_end_changes,
    lent::an_operator_cannot_cancel_it,
    lent::it_is_no_backlog_and_claimed_when_it_is_due,
    lent::lent_tokens_are_known_by_their_fingerprints,
    notices::where_nobody_asks_nothing_is_marked,
    notices::what_waits_is_told_of_when_it_is_reported_again,
    notices::each_coming_to_rest_is_told_once,
    notices::a_new_round_is_told_anew,
    notices::what_operators_do_is_told,
    notices::a_lent_token_is_told_of_when_it_is_reported,
    notices::the_first_ten_places_are_told,
    notices::a_fault_in_between_leaves_the_mark,
    notices::two_replicas_write_no_notice_twice,
    notices::a_notice_is_told_under_a_lease,
    notices::a_put_off_notice_waits_and_the_oldest_goes_first,
    notices::notices_of_a_webhook_that_is_gone_are_forgotten_later,
    notices::marks_and_notices_survive_a_restart,
    outbox::no_notice_takes_the_place_of_another,
    outbox::what_one_webhook_took_waits_for_the_other,
    outbox::what_came_first_is_collected_first,
    outbox::what_is_too_old_is_given_up_in_pieces,
    outbox::a_restart_changes_nothing_about_the_order,
    upgrade::what_a_newer_version_added_is_borne_with,
    upgrade::what_a_newer_version_took_away_keeps_this_one_off,
];

#[tokio::test]
async fn a_sqlite_database_has_one_process_at_a_time() {
    let database = support::Database::sqlite().await;
    let second = portcullis_store::Store::connect(&database.options()).await;
    assert!(matches!(second, Err(portcullis_store::StoreError::Locked(_))), "{second:?}");
    // Closed is closed, whoever still holds a handle of it.
    let held = database.store.clone();
    database.store.close().await;
    portcullis_store::Store::connect(&database.options()).await.unwrap().close().await;
    assert!(held.ping().await.is_err());
}

#[tokio::test]
async fn sqlite_flushes_at_every_commit() {
    let database = support::Database::sqlite().await;
    database.store.ping().await.unwrap();
    let wal = database.directory().join("p.db-wal");
    assert!(wal.exists(), "the database is in WAL mode");
}

#[tokio::test]
async fn an_address_of_neither_database_is_refused() {
    for url in ["", "mysql://x/y", "postgres", "file.db"] {
        let options = portcullis_store::ConnectOptions { url: url.into(), max_connections: 1 };
        let result = portcullis_store::Store::connect(&options).await;
        assert!(matches!(result, Err(portcullis_store::StoreError::Address)), "{url}");
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_unavailable() {
    let port = portcullis_test_support::free_port();
    let options = portcullis_store::ConnectOptions {
        url: format!("postgres://nobody@127.0.0.1:{port}/none").into(),
        max_connections: 1,
    };
    let error = portcullis_store::Store::connect(&options).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
}

#[tokio::test]
async fn the_files_of_sqlite_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = support::Database::sqlite().await;
    for entry in std::fs::read_dir(database.directory()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", entry.path().display());
    }
}
