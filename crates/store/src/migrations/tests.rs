use super::*;

fn applied(names: &[(i64, &str)]) -> Vec<Migration> {
    named(names.iter().map(|(version, name)| (*version, (*name).to_owned())).collect())
}

/// All of ours, and these.
fn and(names: &[(i64, &str)]) -> Vec<Migration> {
    let ours = POSTGRES
        .iter()
        .map(|one| Migration { version: one.version, description: one.description.to_string() });
    ours.chain(applied(names)).collect()
}

fn last() -> i64 {
    POSTGRES.iter().map(|one| one.version).max().unwrap()
}

#[test]
fn what_is_missing_is_pending() {
    let found = standing(&POSTGRES, &[]).unwrap();
    assert_eq!(found.pending.len(), POSTGRES.iter().count());
    assert_eq!(found.pending[0].description, "revocations and pats");
    let found = standing(&POSTGRES, &and(&[])).unwrap();
    assert!(found.pending.is_empty() && found.ahead.is_empty());
}

#[test]
fn what_only_adds_is_borne_with() {
    let (next, later) = (last() + 1, last() + 2);
    let needs = format!("needs {:04} drop what {} has no use for", last(), last());
    let found = standing(&POSTGRES, &and(&[(next, "a table"), (later, &needs)])).unwrap();
    let ahead: Vec<i64> = found.ahead.iter().map(|one| one.version).collect();
    assert_eq!(ahead, [next, later]);
}

#[test]
fn what_takes_away_what_we_need_is_refused() {
    let next = last() + 1;
    for name in [format!("needs {next:04} drop a column"), "needs who knows what".to_owned()] {
        match standing(&POSTGRES, &and(&[(next, &name)])) {
            Err(StoreError::TooNew { at, needs, known }) => {
                assert_eq!((at, needs, known), (next, next, last()));
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let found = standing(&POSTGRES, &applied(&[(-7, "theirs")]));
    assert!(matches!(found, Err(StoreError::ForeignMigration(-7))), "{found:?}");
}

/// What an older program notices: what is gone or has another name, and what it does not know to give.
fn takes_away(sql: &str) -> Option<&'static str> {
    const NOTICED: [&str; 6] =
        ["DROP ", "RENAME ", "ALTER COLUMN ", "SET NOT NULL", "ADD CONSTRAINT", "TRUNCATE "];
    let code: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap()).collect();
    let code = code.join(" ").to_uppercase();
    if let Some(found) = NOTICED.into_iter().find(|word| code.contains(word)) {
        return Some(found);
    }
    let must_be_given = |statement: &str| {
        statement.contains(" ADD ")
            && statement.contains("NOT NULL")
            && !statement.contains("DEFAULT")
    };
    // Of a table that is as new as its index nobody knows.
    let must_be_one = |statement: &str| {
        let on = statement.split_once("UNIQUE INDEX").and_then(|(_, rest)| rest.split_once(" ON "));
        let table = on.and_then(|(_, rest)| rest.split_whitespace().next());
        table.is_some_and(|table| !code.contains(&format!("CREATE TABLE {table} ")))
    };
    if code.split(';').any(must_be_given) {
        return Some("a column that must be given");
    }
    code.split(';').any(must_be_one).then_some("what may be there only once")
}

#[test]
fn a_migration_only_adds_unless_it_says_what_it_needs() {
    for migration in POSTGRES.iter().chain(SQLITE.iter()) {
        let (version, name) = (migration.version, migration.description.to_string());
        let needs = needs(&Migration { version, description: name.clone() });
        let found = takes_away(migration.sql.as_str());
        assert!(
            needs > 0 || found.is_none(),
            "migration {version} ({name}) takes away ({found:?}): programs of before would fail on it in the \
             middle of an upgrade. Add now, and take away when the program before knows how to do without, as \
             {version:04}_needs_NNNN_…: see the upgrade section of ARCHITECTURE.md"
        );
        assert!(
            needs < version,
            "migration {version} needs a program that was never there before it"
        );
    }
    for (bad, good) in [
        ("ALTER TABLE a DROP b;", "ALTER TABLE a ADD COLUMN b TEXT; -- DROP it later"),
        ("ALTER TABLE a ADD b TEXT NOT NULL;", "ALTER TABLE a ADD b TEXT NOT NULL DEFAULT '';"),
        ("alter table a rename to b;", "CREATE TABLE a (b TEXT NOT NULL);"),
        ("CREATE UNIQUE INDEX c ON a (b);", "CREATE TABLE a (b); CREATE UNIQUE INDEX c ON a (b);"),
    ] {
        assert!(takes_away(bad).is_some() && takes_away(good).is_none(), "{bad} {good}");
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |of: &Migrator| {
        of.iter().map(|one| (one.version, one.description.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(names(&POSTGRES), names(&SQLITE));
}
