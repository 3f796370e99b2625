//! The shop's customers against the contract of `UserStore`.

use gatewright::{LoginName, UserId};
use gatewright_testkit::store::{UserState, Users};
use own_users::customers::{Customers, TABLE};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{SqlitePool, query, query_scalar};

use crate::new_file;

/// The store under test, and how the shop writes to its table.
#[derive(Clone)]
struct Table(Customers);

impl Users for Table {
    type Store = Customers;

    fn store(&self) -> &Customers {
        &self.0
    }

    async fn add(&self, name: &LoginName, state: &UserState) -> UserId {
        let insert = "INSERT INTO customers (name, email, password, blocked, epoch) VALUES ('Ada', ?, ?, ?, ?) RETURNING number";
        let insert = query_scalar(insert)
            .bind(name.as_email().unwrap().as_str().to_owned())
            .bind(state.password_hash.expose())
            .bind(!state.is_active)
            .bind(state.epoch.as_u64().cast_signed());
        let number: i64 = insert.fetch_one(&self.0.0).await.unwrap();
        UserId::from(number)
    }

    async fn write(&self, id: &UserId, state: &UserState) {
        let update = query("UPDATE customers SET password = ?, blocked = ?, epoch = ? WHERE number = ?")
            .bind(state.password_hash.expose())
            .bind(!state.is_active)
            .bind(state.epoch.as_u64().cast_signed())
            .bind(id.as_str());
        update.execute(&self.0.0).await.unwrap();
    }
}

/// Two handles on one new database, each with its own connections, as on two nodes of the shop.
async fn fresh() -> [Table; 2] {
    let options = SqliteConnectOptions::new().filename(new_file()).create_if_missing(true);
    let pools = [(); 2].map(|()| SqlitePool::connect_lazy_with(options.clone()));
    query(TABLE).execute(&pools[0]).await.unwrap();
    pools.map(|pool| Table(Customers(pool)))
}

/// A store whose table does not exist.
async fn without_a_table() -> Customers {
    Customers(SqlitePool::connect("sqlite::memory:").await.unwrap())
}

gatewright_testkit::user_suite!(customers, fresh, without_a_table);
