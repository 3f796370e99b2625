//! What a person does on a page. Everything waits for what it needs, and fails with its name.

use std::time::Duration;

use thirtyfour::prelude::{ElementQueryable, WebDriver};
use thirtyfour::{By, WebElement};

use crate::Outcome;

/// How long a thing may take to appear, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(50);

/// The thing at this XPath, once it can be seen.
pub(crate) async fn see(page: &WebDriver, path: &str) -> Outcome<WebElement> {
    let found = page.query(By::XPath(path)).wait(PATIENCE, INTERVAL).and_displayed().first().await;
    found.map_err(|error| format!("{path}: {error}").into())
}

/// Waits until there is no such thing.
pub(crate) async fn miss(page: &WebDriver, path: &str) -> Outcome {
    let gone = page.query(By::XPath(path)).wait(PATIENCE, INTERVAL).not_exists().await;
    if gone? { Ok(()) } else { Err(format!("{path}: is still there").into()) }
}

pub(crate) async fn press(page: &WebDriver, path: &str) -> Outcome {
    let thing = see(page, path).await?;
    thing.scroll_into_view().await?;
    thing.click().await.map_err(|error| format!("{path}: {error}").into())
}

pub(crate) async fn write(page: &WebDriver, path: &str, text: &str) -> Outcome {
    let field = see(page, path).await?;
    field.clear().await?;
    Ok(field.send_keys(text).await?)
}
