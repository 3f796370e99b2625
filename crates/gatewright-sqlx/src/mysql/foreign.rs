//! Tables that exist before the first migration has run to its end.
//!
//! MySQL commits each statement that creates a table. So they can be the tables of a migration that was
//! interrupted, and the migration leaves them as they are. It would also leave other tables of these names, and
//! record that they are up to date.

use sqlx::mysql::MySqlConnection;
use sqlx::{MySql, query_as};

use crate::Failure;
use crate::dialect::Dialect;

/// Each column of a table with our prefix.
const FIND_COLUMNS: &str = "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR)
     FROM information_schema.columns WHERE table_schema = DATABASE() AND LEFT(table_name, 11) = 'gatewright_'";

/// Fails if a table exists that the first migration creates with other columns.
pub(super) async fn reject_foreign_tables(connection: &mut MySqlConnection) -> Result<(), Failure> {
    let found: Vec<(String, String)> = query_as(FIND_COLUMNS).fetch_all(connection).await?;
    let has = |table: &str, column: &str| found.iter().any(|(of, name)| of == table && name == column);
    for (table, columns) in MySql::MIGRATIONS.first().into_iter().flat_map(|file| tables(file)) {
        let exists = found.iter().any(|(of, _)| of == table);
        if let Some(missing) = columns.iter().find(|column| exists && !has(table, column)) {
            return Err(format!(
                "the table {table} exists and has no column {missing}, so gatewright-sqlx did not create it; rename \
                 or drop it"
            )
            .into());
        }
    }
    Ok(())
}

/// The tables that a file creates, each with its columns.
fn tables(file: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    file.split("CREATE TABLE IF NOT EXISTS ").skip(1).filter_map(|table| {
        let (name, rest) = table.split_once(" (\n")?;
        let (lines, _) = rest.split_once("\n)")?;
        let first_words = lines.lines().filter_map(|line| line.split_whitespace().next());
        // Keys and comments do not begin with a lower-case letter.
        Some((name, first_words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())).collect()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_columns_are_those_of_the_first_file() {
        let tables: Vec<_> = tables(MySql::MIGRATIONS[0]).collect();
        let sizes: Vec<_> = tables.iter().map(|(name, columns)| (*name, columns.len())).collect();
        let expected = [
            ("gatewright_users", 9),
            ("gatewright_user_roles", 2),
            ("gatewright_sessions", 21),
            ("gatewright_session_locks", 1),
        ];
        assert_eq!(sizes, expected);
        assert_eq!(tables[1].1, ["role", "user_id"]);
    }
}
