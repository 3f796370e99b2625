//! Swagger UI, from files that are part of the program.

use std::fmt;
use std::sync::Arc;

use gatewright_core::{Bytes, Reply};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerFile, oauth};

use crate::document::document_reply;

/// The page may load only its own files. It has inline styles, and images in `data:` URLs.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Serves a document and a Swagger UI page that shows it. It is independent of the framework: the
/// application passes it a path and sends the reply.
///
/// The page's Authorize button logs in with an email address and a password. The page loads nothing
/// from other hosts.
///
/// ```
/// use gatewright::openapi::{Document, SwaggerUi};
/// use utoipa::openapi::{Info, OpenApi, Paths};
///
/// let api = OpenApi::new(Info::new("Example", "1"), Paths::new());
/// let document = Document::new(api, "/auth").build()?;
/// let pages = SwaggerUi::new("/docs", "/openapi.json", &document);
/// assert_eq!(pages.handle("/openapi.json").unwrap().status, 200);
/// assert_eq!(pages.handle("/docs").unwrap().status, 308); // to /docs/
/// assert_eq!(pages.handle("/docs/").unwrap().status, 200);
/// assert_eq!(pages.handle("/docs/none"), None);
/// # Ok::<(), gatewright::openapi::DocumentError>(())
/// ```
#[derive(Clone)]
pub struct SwaggerUi {
    mount: String,
    document_path: String,
    document: Reply,
    config: Arc<Config<'static>>,
}

impl SwaggerUi {
    /// Serves the page below `mount` and `document` at `document_path`. Both are full paths, as a
    /// browser requests them.
    #[must_use]
    pub fn new(mount: &str, document_path: &str, document: &OpenApi) -> Self {
        // The password flow of these endpoints has no client ids.
        let login = oauth::Config::new().client_id("").scope_separator(" ");
        let config = Config::with_oauth_config([document_path.to_owned()], login)
            .validator_url("none")
            .try_it_out_enabled(false);
        Self {
            mount: mount.trim_end_matches('/').to_owned(),
            document_path: document_path.to_owned(),
            document: document_reply(document),
            config: Arc::new(config),
        }
    }

    /// The reply to a `GET` of this path: the document, the page or one of its files. `None` for
    /// every other path.
    #[must_use]
    pub fn handle(&self, path: &str) -> Option<Reply> {
        if path == self.document_path {
            return Some(self.document.clone());
        }
        match path.strip_prefix(&self.mount)? {
            "" => Some(self.redirect_to_page()),
            rest => self.file(rest.strip_prefix('/')?),
        }
    }

    /// The page needs the trailing slash: the URLs of its files are relative.
    fn redirect_to_page(&self) -> Reply {
        let mut reply = Reply::no_content().with_header("location", format!("{}/", self.mount));
        reply.status = 308;
        reply
    }

    fn file(&self, name: &str) -> Option<Reply> {
        let SwaggerFile { bytes, content_type, .. } =
            utoipa_swagger_ui::serve(name, Arc::clone(&self.config)).ok()??;
        let mut reply = Reply::no_content()
            .with_header("content-type", with_charset(content_type))
            .with_header("content-security-policy", POLICY)
            .with_header("x-content-type-options", "nosniff");
        reply.status = 200;
        reply.body = match bytes {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => bytes.into(),
        };
        Some(reply)
    }
}

fn with_charset(content_type: String) -> String {
    if content_type.starts_with("text/") { format!("{content_type}; charset=utf-8") } else { content_type }
}

impl fmt::Debug for SwaggerUi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwaggerUi").field("mount", &self.mount).finish_non_exhaustive()
    }
}
