//! Log in, call, log out, fail to log in.

use std::path::Path;

use example_service::testing::ADMIN_PASSWORD;
use thirtyfour::WebDriver;

use crate::Outcome;
use crate::page::{miss, press, see, write};

const EMAIL: &str = "admin@example.com";

/// The part of the dialog that is about the password flow.
const FLOW: &str = "//div[contains(@class,'auth-container')][.//*[contains(text(),'OAuth2Password')]]";
const OPEN_DIALOG: &str = "//div[contains(@class,'scheme-container')]//button[contains(@class,'authorize')]";
const CLOSE_DIALOG: &str = "//button[contains(@class,'btn-done')]";
const DIALOG: &str = "//div[contains(@class,'modal-ux')]";
const OPERATION: &str = "//div[@id='operations-users-me']";

pub(crate) async fn drive(page: &WebDriver, origin: &str, screenshot: Option<&Path>) -> Outcome {
    page.goto(format!("{origin}/docs")).await?;
    press(page, OPEN_DIALOG).await?;
    log_in(page, ADMIN_PASSWORD).await?;
    see(page, &format!("{FLOW}//button[text()='Logout']")).await?;
    press(page, CLOSE_DIALOG).await?;
    miss(page, DIALOG).await?;
    if let Some(file) = screenshot {
        page.screenshot(file).await?;
    }
    call_with_the_token(page).await?;
    nothing_came_from_elsewhere(page, origin).await?;
    nothing_was_complained_about(page).await?;

    press(page, OPEN_DIALOG).await?;
    press(page, &format!("{FLOW}//button[text()='Logout']")).await?;
    log_in(page, "not the admin's password").await?;
    see(page, &format!("{FLOW}//div[contains(@class,'errors')][contains(.,'auth error')]")).await?;
    miss(page, &format!("{FLOW}//button[text()='Logout']")).await
}

async fn log_in(page: &WebDriver, password: &str) -> Outcome {
    write(page, "//input[@id='oauth_username']", EMAIL).await?;
    write(page, "//input[@id='oauth_password']", password).await?;
    press(page, &format!("{FLOW}//button[contains(@class,'authorize')]")).await
}

/// `GET /users/me`: 200, and the address in the answer.
async fn call_with_the_token(page: &WebDriver) -> Outcome {
    press(page, &format!("{OPERATION}//button[contains(@class,'opblock-summary-control')]")).await?;
    press(page, &format!("{OPERATION}//button[contains(@class,'try-out__btn')]")).await?;
    press(page, &format!("{OPERATION}//button[contains(@class,'execute')]")).await?;
    let answer =
        format!("{OPERATION}//table[contains(@class,'live-responses-table')]//tr[@class='response']");
    see(page, &format!("{answer}[./td[contains(@class,'response-col_status')][contains(.,'200')]]")).await?;
    see(page, &format!("{answer}[contains(.,'{EMAIL}')]")).await?;
    Ok(())
}

/// Every file and every call of the page went to the program itself.
async fn nothing_came_from_elsewhere(page: &WebDriver, origin: &str) -> Outcome {
    let script = "return performance.getEntriesByType('resource').map(entry => entry.name)";
    let names: Vec<String> = page.execute(script, Vec::new()).await?.convert()?;
    let foreign: Vec<&String> = names.iter().filter(|name| !name.starts_with(origin)).collect();
    // The page's own files, the document, the login and the call at the least.
    if names.len() < 6 || foreign.iter().any(|name| !name.starts_with("data:")) {
        return Err(format!("the page loaded {names:?}").into());
    }
    Ok(())
}

/// The console says nothing, a breach of the page's policy least of all.
async fn nothing_was_complained_about(page: &WebDriver) -> Outcome {
    let said: Vec<String> = page.browser_log().await?.into_iter().map(|entry| entry.message).collect();
    if said.is_empty() { Ok(()) } else { Err(format!("the console says {said:?}").into()) }
}
