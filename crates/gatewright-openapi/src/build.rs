//! From a draft and its declarations to a finished document.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::{AccessRule, Endpoint};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Components, OpenApi, Ref, RefOr, Response};

use crate::denials::{self, Bodies};
use crate::endpoints::{self, Style};
use crate::error::{DocumentError, OperationKey};
use crate::guards::Guards;
use crate::schemas;
use crate::schemes::schemes;

/// The extension that holds the requirement of an operation, exactly as it is enforced.
const REQUIRES: &str = "x-requires";

/// The prefix of references to shared responses.
const RESPONSES: &str = "#/components/responses/";

/// A document before its guards are checked and added.
pub(crate) struct Draft {
    pub(crate) openapi: OpenApi,
    /// Where the ready-made endpoints are mounted.
    pub(crate) prefix: String,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) style: Style,
    /// The descriptions of scopes, by name.
    pub(crate) scopes: BTreeMap<String, String>,
    /// In the order in which the application declared them.
    pub(crate) declarations: Vec<Declaration>,
}

/// A statement of the application about who may call an operation.
pub(crate) enum Declaration {
    Guarded { key: OperationKey, rule: AccessRule, is_optional: bool },
    GuardedBelow { path: String, rule: AccessRule },
    Open { key: OperationKey },
}

/// Who may call an operation.
enum Access {
    Open,
    Guarded(Guards),
}

type AccessByOperation = BTreeMap<OperationKey, Access>;

pub(crate) fn build(mut draft: Draft) -> Result<OpenApi, DocumentError> {
    let mut access = add_endpoints(&mut draft)?;
    for declaration in std::mem::take(&mut draft.declarations) {
        apply(declaration, &mut draft.openapi, &mut access)?;
    }
    add_components(&mut draft, &access)?;
    let responses = draft.openapi.components.as_ref().map(|components| components.responses.clone());
    let responses = responses.unwrap_or_default();
    let mut ids = BTreeSet::new();
    for (key, operation) in operations(&mut draft.openapi) {
        match (access.remove(&key), operation.security.is_some()) {
            (Some(_), true) => return Err(DocumentError::ConflictingDeclarations(key)),
            (Some(Access::Open), false) => operation.security = Some(Vec::new()),
            (Some(Access::Guarded(guards)), false) => {
                protect(operation, &guards, draft.style.bodies, &responses)?;
            }
            (None, true) => {}
            (None, false) => return Err(DocumentError::UndeclaredGuard(key)),
        }
        let id = operation.operation_id.clone().unwrap_or_default();
        if !id.is_empty() && !ids.insert(id.clone()) {
            return Err(DocumentError::DuplicateId { id });
        }
    }
    Ok(draft.openapi)
}

fn add_endpoints(draft: &mut Draft) -> Result<AccessByOperation, DocumentError> {
    let mut access = AccessByOperation::new();
    for endpoint in std::mem::take(&mut draft.endpoints) {
        let key = OperationKey::new(endpoint.method(), &format!("{}{}", draft.prefix, endpoint.path()));
        if has(&mut draft.openapi, &key) {
            return Err(DocumentError::DuplicateOperation(key));
        }
        let (operation, guards) = endpoints::describe(endpoint, draft.style);
        draft.openapi.paths.add_path_operation(&key.path, vec![method_of(endpoint)], operation);
        access.insert(key, if guards.is_empty() { Access::Open } else { Access::Guarded(guards) });
        for (name, schema) in schemas::schemas_of(endpoint, draft.style.usernames) {
            add_schema(draft.openapi.components.get_or_insert_default(), name, schema)?;
        }
    }
    Ok(access)
}

fn method_of(endpoint: Endpoint) -> HttpMethod {
    match endpoint.method() {
        "GET" => HttpMethod::Get,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Post,
    }
}

fn apply(
    declaration: Declaration,
    openapi: &mut OpenApi,
    access: &mut AccessByOperation,
) -> Result<(), DocumentError> {
    match declaration {
        Declaration::Guarded { key, .. } | Declaration::Open { key } if !has(openapi, &key) => {
            Err(DocumentError::UnknownOperation(key))
        }
        Declaration::Open { key } => match access.insert(key.clone(), Access::Open) {
            Some(Access::Guarded(_)) => Err(DocumentError::ConflictingDeclarations(key)),
            Some(Access::Open) | None => Ok(()),
        },
        Declaration::Guarded { key, rule, is_optional } => add_guard(access, key, rule, is_optional),
        Declaration::GuardedBelow { path, rule } => {
            let keys = operations(openapi).into_iter().map(|(key, _)| key);
            let below: Vec<OperationKey> = keys.filter(|key| is_below(&key.path, &path)).collect();
            if below.is_empty() {
                return Err(DocumentError::NoOperationBelow { path });
            }
            below.into_iter().try_for_each(|key| add_guard(access, key, rule, false))
        }
    }
}

fn add_guard(
    access: &mut AccessByOperation,
    key: OperationKey,
    rule: AccessRule,
    is_optional: bool,
) -> Result<(), DocumentError> {
    let access = access.entry(key.clone()).or_insert_with(|| Access::Guarded(Guards::default()));
    let Access::Guarded(guards) = access else {
        return Err(DocumentError::ConflictingDeclarations(key));
    };
    if guards.add(rule, is_optional) { Ok(()) } else { Err(DocumentError::UnsupportedRule(key)) }
}

/// Whether `path` is `prefix` or a path below it.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// All operations of the document.
fn operations(openapi: &mut OpenApi) -> Vec<(OperationKey, &mut Operation)> {
    let mut all = Vec::new();
    for (path, item) in &mut openapi.paths.paths {
        let usual = [
            ("GET", &mut item.get),
            ("PUT", &mut item.put),
            ("POST", &mut item.post),
            ("DELETE", &mut item.delete),
            ("OPTIONS", &mut item.options),
            ("HEAD", &mut item.head),
            ("PATCH", &mut item.patch),
            ("TRACE", &mut item.trace),
            ("QUERY", &mut item.query),
        ];
        let usual = usual.into_iter().filter_map(|(method, own)| Some((method, own.as_mut()?)));
        let other = item.additional_operations.iter_mut().map(|(method, own)| (method.as_str(), own));
        all.extend(usual.chain(other).map(|(method, own)| (OperationKey::new(method, path), own)));
    }
    all
}

fn has(openapi: &mut OpenApi, key: &OperationKey) -> bool {
    operations(openapi).iter().any(|(own, _)| own == key)
}

fn add_components(draft: &mut Draft, access: &AccessByOperation) -> Result<(), DocumentError> {
    let guards = access.values().filter_map(|access| match access {
        Access::Guarded(guards) => Some(guards),
        Access::Open => None,
    });
    for scope in guards.flat_map(Guards::token_scopes) {
        draft.scopes.entry(scope.to_owned()).or_default();
    }
    let components = draft.openapi.components.get_or_insert_default();
    add_schema(components, denials::SCHEMA, draft.style.bodies.schema())?;
    for (name, scheme) in schemes(&draft.prefix, &draft.scopes) {
        if components.security_schemes.insert(name.to_owned(), scheme.into()).is_some() {
            return Err(DocumentError::DuplicateComponent { name: name.to_owned() });
        }
    }
    Ok(())
}

fn add_schema(components: &mut Components, name: &str, schema: Schema) -> Result<(), DocumentError> {
    let schema = RefOr::T(schema);
    let own = components.schemas.entry(name.to_owned()).or_insert_with(|| schema.clone());
    if *own == schema { Ok(()) } else { Err(DocumentError::DuplicateComponent { name: name.to_owned() }) }
}

type Responses = BTreeMap<String, RefOr<Response>>;

/// Adds the security, the requirement and the error responses of the guards to an operation.
fn protect(
    operation: &mut Operation,
    guards: &Guards,
    bodies: Bodies,
    shared: &Responses,
) -> Result<(), DocumentError> {
    operation.security = Some(guards.security());
    if let Some(requirement) = guards.as_json() {
        operation.extensions.get_or_insert_default().insert(REQUIRES.to_owned(), requirement);
    }
    let responses = &mut operation.responses.responses;
    for (status, denied) in guards.responses(bodies) {
        let response = match responses.remove(&status.to_string()) {
            None => denied,
            Some(own) => merged(resolved(own, shared)?, denied),
        };
        responses.insert(status.to_string(), response.into());
    }
    Ok(())
}

/// A copy of a response, so that a change does not affect other operations that share it.
fn resolved(response: RefOr<Response>, shared: &Responses) -> Result<Response, DocumentError> {
    match response {
        RefOr::T(response) => Ok(response),
        RefOr::Ref(Ref { ref_location, .. }) => {
            let name = ref_location.strip_prefix(RESPONSES);
            match name.and_then(|name| shared.get(name)) {
                Some(RefOr::T(response)) => Ok(response.clone()),
                _ => Err(DocumentError::UnresolvedReference { reference: ref_location }),
            }
        }
    }
}

/// One response for both causes of a status: the operation's own, and the guards'.
fn merged(mut own: Response, denied: Response) -> Response {
    if !own.description.contains(&denied.description) {
        own.description = format!("{} {}", own.description, denied.description).trim_start().to_owned();
    }
    for (name, header) in denied.headers {
        own.headers.entry(name).or_insert(header);
    }
    for (media, content) in denied.content {
        own.content.entry(media).or_insert(content);
    }
    own
}
