//! The versions of the tables.
//!
//! Each file in `migrations/` brings the tables from one version to the next and records the new
//! version in `gatewright_migrations`. So a file has the same effect when another tool runs it.
//!
//! Published files must not change. They only add tables, indexes, and columns that are nullable or
//! have a default. Therefore nodes of two versions can use one database. A node of the older
//! version can even start again after the newer one has migrated.

use crate::Failure;
use crate::dialect::Dialect;
use crate::row::Row;
use crate::statement::Statement;

const FIND_VERSION: &str = "SELECT coalesce(max(version), 0) AS version FROM gatewright_migrations";

/// The version that the tables have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version(usize);

impl Version {
    /// Reads the recorded version: 0 if there are no tables yet.
    pub(crate) async fn find<D: Dialect>(connection: &mut D::Connection) -> Result<Self, Failure> {
        let find = Statement::<D>::new(D::FIND_MIGRATIONS);
        let Some(_) = find.fetch_optional(connection, None).await? else {
            return Ok(Self(0));
        };
        let recorded: Option<Row<D>> = Statement::new(FIND_VERSION).fetch_optional(connection, None).await?;
        let recorded = recorded.ok_or("gatewright_migrations: the database returned no row")?;
        Ok(Self(recorded.number("version")?.try_into()?))
    }

    /// Whether no file has run to its end.
    #[cfg(feature = "mysql")]
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Rejects tables that this program cannot use. `store` is the store's name.
    pub(crate) fn require_current<D: Dialect>(self, store: &str) -> Result<(), Failure> {
        if self.is_current::<D>() {
            return Ok(());
        }
        let (found, needed) = (self.0, D::MIGRATIONS.len());
        Err(format!(
            "the tables have version {found} and must have version {needed}; run {store}::migrate(&pool) or \
             the files in the folder migrations of gatewright-sqlx"
        )
        .into())
    }

    /// Whether this program can use the tables. Those of a newer version have only more columns.
    pub(crate) const fn is_current<D: Dialect>(self) -> bool {
        self.0 >= D::MIGRATIONS.len()
    }
}

/// Runs the files that the tables lack. The caller must exclude the migrations of other nodes.
pub(crate) async fn run_missing<D: Dialect>(connection: &mut D::Connection) -> Result<(), Failure> {
    let version = Version::find::<D>(connection).await?;
    for statements in D::MIGRATIONS.iter().skip(version.0) {
        D::execute(connection, *statements).await?;
    }
    Ok(())
}
