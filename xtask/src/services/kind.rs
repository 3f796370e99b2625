//! The kinds of servers.

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "not published: its users change with it")]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MariaDB, which speaks MySQL's protocol.
    Mysql,
    /// Redis.
    Redis,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Mysql, Self::Redis];

    /// The environment variable in which tests find the URL of such a server.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "GATEWRIGHT_TEST_POSTGRES_URL",
            Self::Mysql => "GATEWRIGHT_TEST_MYSQL_URL",
            Self::Redis => "GATEWRIGHT_TEST_REDIS_URL",
        }
    }

    pub(super) fn url(self, user: &str, password: &str, port: u16) -> String {
        match self {
            Self::Postgres => format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres"),
            Self::Mysql => format!("mysql://{user}:{password}@127.0.0.1:{port}/gatewright"),
            Self::Redis => format!("redis://:{password}@127.0.0.1:{port}/"),
        }
    }
}
