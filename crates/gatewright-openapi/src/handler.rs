//! The guard of a handler, read from the handler's own type.

use gatewright_core::Guards;

/// A plain function whose first argument guards it. Implemented for functions of one to sixteen arguments.
///
/// `Arguments` is for the compiler to find; nobody names it. A handler without a guard in front does not compile:
///
/// ```compile_fail,E0277
/// # use gatewright_openapi::Document;
/// async fn me(name: String) -> String { name }
///
/// fn documented(document: Document) -> Document {
///     document.handler("GET", "/me", me)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the first argument of this handler guards nothing",
    note = "put the guard first: `async fn me(user: CurrentUser, …)`, or name it with `Document::guard::<…>`"
)]
pub trait GuardedHandler<Arguments> {
    /// The type of the first argument.
    type Guard: Guards;
}

macro_rules! handlers {
    ($first:ident $($rest:ident)*) => {
        impl<Function, Answer, $first: Guards $(, $rest)*> GuardedHandler<($first, $($rest,)*)> for Function
        where
            Function: Fn($first $(, $rest)*) -> Answer,
        {
            type Guard = $first;
        }
    };
}

handlers!(A);
handlers!(A B);
handlers!(A B C);
handlers!(A B C D);
handlers!(A B C D E);
handlers!(A B C D E F);
handlers!(A B C D E F G);
handlers!(A B C D E F G H);
handlers!(A B C D E F G H I);
handlers!(A B C D E F G H I J);
handlers!(A B C D E F G H I J K);
handlers!(A B C D E F G H I J K L);
handlers!(A B C D E F G H I J K L M);
handlers!(A B C D E F G H I J K L M N);
handlers!(A B C D E F G H I J K L M N O);
handlers!(A B C D E F G H I J K L M N O P);
