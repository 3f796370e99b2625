//! Log in, call, log out, fail to log in.

use std::path::Path;

use example_service::testing::ADMIN_PASSWORD;
use thirtyfour::WebDriver;

use crate::outcome::Outcome;
use crate::page::{miss, press, see, write};

const EMAIL: &str = "admin@example.com";

/// The part of the dialog for the password flow.
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
    call_with_token(page).await?;
    check_all_requests_are_local(page, origin).await?;
    check_console_is_empty(page).await?;

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

/// `GET /users/me`: the status is 200, and the response contains the address.
async fn call_with_token(page: &WebDriver) -> Outcome {
    press(page, &format!("{OPERATION}//button[contains(@class,'opblock-summary-control')]")).await?;
    press(page, &format!("{OPERATION}//button[contains(@class,'try-out__btn')]")).await?;
    press(page, &format!("{OPERATION}//button[contains(@class,'execute')]")).await?;
    let response =
        format!("{OPERATION}//table[contains(@class,'live-responses-table')]//tr[@class='response']");
    see(page, &format!("{response}[./td[contains(@class,'response-col_status')][contains(.,'200')]]"))
        .await?;
    see(page, &format!("{response}[contains(.,'{EMAIL}')]")).await?;
    Ok(())
}

/// The page loaded every file from the program, and called only the program.
async fn check_all_requests_are_local(page: &WebDriver, origin: &str) -> Outcome {
    let script = "return performance.getEntriesByType('resource').map(entry => entry.name)";
    let names: Vec<String> = page.execute(script, Vec::new()).await?.convert()?;
    let foreign: Vec<&String> = names.iter().filter(|name| !name.starts_with(origin)).collect();
    // At least three files of the page, the document, the login and the call.
    if names.len() < 6 || foreign.iter().any(|name| !name.starts_with("data:")) {
        return Err(
            format!("the page must load 6 resources or more, all from {origin}; loaded {names:?}").into()
        );
    }
    Ok(())
}

/// The console shows no error, and no violation of the page's Content-Security-Policy.
async fn check_console_is_empty(page: &WebDriver) -> Outcome {
    let messages: Vec<String> = page.browser_log().await?.into_iter().map(|entry| entry.message).collect();
    if messages.is_empty() { Ok(()) } else { Err(format!("the console shows {messages:?}").into()) }
}
