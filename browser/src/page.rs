//! Actions of a person on a page. Each waits for its element; the error names the element.

use std::time::Duration;

use thirtyfour::prelude::{ElementQueryable, WebDriver};
use thirtyfour::{By, WebElement};

use crate::outcome::Outcome;

/// How long an element may take to appear, and the pause between two checks.
const TIMEOUT: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(50);

/// Waits until the element at this XPath is visible.
pub(crate) async fn see(page: &WebDriver, path: &str) -> Outcome<WebElement> {
    let found = page.query(By::XPath(path)).wait(TIMEOUT, INTERVAL).and_displayed().first().await;
    found.map_err(|error| format!("{path}: {error}").into())
}

/// Waits until no element is at this XPath.
pub(crate) async fn miss(page: &WebDriver, path: &str) -> Outcome {
    let gone = page.query(By::XPath(path)).wait(TIMEOUT, INTERVAL).not_exists().await;
    if gone? { Ok(()) } else { Err(format!("{path}: is still present").into()) }
}

pub(crate) async fn press(page: &WebDriver, path: &str) -> Outcome {
    let element = see(page, path).await?;
    element.scroll_into_view().await?;
    element.click().await.map_err(|error| format!("{path}: {error}").into())
}

pub(crate) async fn write(page: &WebDriver, path: &str, text: &str) -> Outcome {
    let field = see(page, path).await?;
    field.clear().await?;
    Ok(field.send_keys(text).await?)
}
