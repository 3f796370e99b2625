//! From what was said to a finished document.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::{Demand, Operation as Endpoint};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Components, OpenApi, Ref, RefOr, Response};

use crate::bodies;
use crate::denials::{self, Bodies};
use crate::document::{At, Document, Said};
use crate::endpoints;
use crate::error::DocumentError;
use crate::guarded::Guarded;
use crate::schemes::schemes;

/// The extension that says what must be met, as it is enforced.
const REQUIRES: &str = "x-requires";

/// Where references to responses point.
const RESPONSES: &str = "#/components/responses/";

/// Who may call an operation.
enum Caller {
    Anybody,
    Admitted(Guarded),
}

type Callers = BTreeMap<At, Caller>;

pub(crate) fn finish(mut document: Document) -> Result<OpenApi, DocumentError> {
    let mut callers = add_endpoints(&mut document)?;
    for said in std::mem::take(&mut document.said) {
        hear(said, &mut document.openapi, &mut callers)?;
    }
    add_components(&mut document, &callers)?;
    let responses = document.openapi.components.as_ref().map(|own| own.responses.clone());
    let responses = responses.unwrap_or_default();
    let mut ids = BTreeSet::new();
    for (at, operation) in operations(&mut document.openapi) {
        match (callers.remove(&at), operation.security.is_some()) {
            (Some(_), true) => return Err(at.contradiction()),
            (Some(Caller::Anybody), false) => operation.security = Some(Vec::new()),
            (Some(Caller::Admitted(guarded)), false) => {
                protect(operation, &guarded, document.style.bodies, &responses)?;
            }
            (None, true) => {}
            (None, false) => return Err(DocumentError::Undecided { method: at.method, path: at.path }),
        }
        let id = operation.operation_id.clone().unwrap_or_default();
        if !id.is_empty() && !ids.insert(id.clone()) {
            return Err(DocumentError::IdTaken { id });
        }
    }
    Ok(document.openapi)
}

fn add_endpoints(document: &mut Document) -> Result<Callers, DocumentError> {
    let mut callers = Callers::new();
    for endpoint in std::mem::take(&mut document.endpoints) {
        let at = At::new(endpoint.method(), &format!("{}{}", document.prefix, endpoint.path()));
        if has(&mut document.openapi, &at) {
            return Err(DocumentError::Taken { method: at.method, path: at.path });
        }
        let (operation, guarded) = endpoints::describe(endpoint, document.style);
        document.openapi.paths.add_path_operation(&at.path, vec![method_of(endpoint)], operation);
        let is_open = guarded.is_open();
        callers.insert(at, if is_open { Caller::Anybody } else { Caller::Admitted(guarded) });
        for (name, schema) in bodies::schemas_of(endpoint) {
            add_schema(document.openapi.components.get_or_insert_default(), name, schema)?;
        }
    }
    Ok(callers)
}

fn method_of(endpoint: Endpoint) -> HttpMethod {
    match endpoint.method() {
        "GET" => HttpMethod::Get,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Post,
    }
}

fn hear(said: Said, openapi: &mut OpenApi, callers: &mut Callers) -> Result<(), DocumentError> {
    match said {
        Said::Guarded { at, .. } | Said::Open { at } if !has(openapi, &at) => {
            Err(DocumentError::NoOperation { method: at.method, path: at.path })
        }
        Said::Open { at } => match callers.insert(at.clone(), Caller::Anybody) {
            Some(Caller::Admitted(_)) => Err(at.contradiction()),
            Some(Caller::Anybody) | None => Ok(()),
        },
        Said::Guarded { at, demand, is_optional } => admit(callers, at, demand, is_optional),
        Said::GuardedBelow { path, demand } => {
            let below: Vec<At> =
                operations(openapi).into_iter().map(|(at, _)| at).filter(|at| at.is_below(&path)).collect();
            if below.is_empty() {
                return Err(DocumentError::NothingBelow { path });
            }
            below.into_iter().try_for_each(|at| admit(callers, at, demand, false))
        }
    }
}

fn admit(callers: &mut Callers, at: At, demand: Demand, is_optional: bool) -> Result<(), DocumentError> {
    let Caller::Admitted(guarded) =
        callers.entry(at.clone()).or_insert_with(|| Caller::Admitted(Guarded::default()))
    else {
        return Err(at.contradiction());
    };
    if guarded.add(demand, is_optional) {
        Ok(())
    } else {
        Err(DocumentError::Unspeakable { method: at.method, path: at.path })
    }
}

impl At {
    fn is_below(&self, path: &str) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn contradiction(&self) -> DocumentError {
        DocumentError::Contradiction { method: self.method.clone(), path: self.path.clone() }
    }
}

/// Every operation of the document and where it is.
fn operations(openapi: &mut OpenApi) -> Vec<(At, &mut Operation)> {
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
        all.extend(usual.chain(other).map(|(method, own)| (At::new(method, path), own)));
    }
    all
}

fn has(openapi: &mut OpenApi, at: &At) -> bool {
    operations(openapi).iter().any(|(own, _)| own == at)
}

fn add_components(document: &mut Document, callers: &Callers) -> Result<(), DocumentError> {
    let guarded = callers.values().filter_map(|caller| match caller {
        Caller::Admitted(guarded) => Some(guarded),
        Caller::Anybody => None,
    });
    for scope in guarded.flat_map(Guarded::token_scopes) {
        document.scopes.entry(scope.to_owned()).or_default();
    }
    let components = document.openapi.components.get_or_insert_default();
    add_schema(components, denials::SCHEMA, document.style.bodies.schema())?;
    for (name, scheme) in schemes(&document.prefix, &document.scopes) {
        if components.security_schemes.insert(name.to_owned(), scheme.into()).is_some() {
            return Err(DocumentError::NameTaken { name: name.to_owned() });
        }
    }
    Ok(())
}

fn add_schema(components: &mut Components, name: &str, schema: Schema) -> Result<(), DocumentError> {
    let schema = RefOr::T(schema);
    let own = components.schemas.entry(name.to_owned()).or_insert_with(|| schema.clone());
    if *own == schema { Ok(()) } else { Err(DocumentError::NameTaken { name: name.to_owned() }) }
}

type Responses = BTreeMap<String, RefOr<Response>>;

fn protect(
    operation: &mut Operation,
    guarded: &Guarded,
    bodies: Bodies,
    shared: &Responses,
) -> Result<(), DocumentError> {
    operation.security = Some(guarded.security());
    if let Some(needs) = guarded.as_json() {
        operation.extensions.get_or_insert_default().insert(REQUIRES.to_owned(), needs);
    }
    for (status, refusal) in guarded.responses(bodies) {
        let own = operation.responses.responses.remove(&status.to_string());
        let response = match own {
            None => refusal,
            Some(own) => merged(resolved(own, shared)?, refusal),
        };
        operation.responses.responses.insert(status.to_string(), response.into());
    }
    Ok(())
}

/// A response in full: what another operation shares is not to be changed.
fn resolved(response: RefOr<Response>, shared: &Responses) -> Result<Response, DocumentError> {
    match response {
        RefOr::T(response) => Ok(response),
        RefOr::Ref(Ref { ref_location, .. }) => {
            let name = ref_location.strip_prefix(RESPONSES);
            match name.and_then(|name| shared.get(name)) {
                Some(RefOr::T(response)) => Ok(response.clone()),
                _ => Err(DocumentError::Dangling { reference: ref_location }),
            }
        }
    }
}

/// One response for both causes of a status.
fn merged(mut own: Response, refusal: Response) -> Response {
    if !own.description.contains(&refusal.description) {
        own.description = format!("{} {}", own.description, refusal.description).trim_start().to_owned();
    }
    for (name, header) in refusal.headers {
        own.headers.entry(name).or_insert(header);
    }
    for (media, content) in refusal.content {
        own.content.entry(media).or_insert(content);
    }
    own
}
