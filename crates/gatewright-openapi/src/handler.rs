//! The guard of a handler, read from the handler's type.

use gatewright_core::GuardedExtractor;

/// A plain function whose first argument guards it. Implemented for functions of one to sixteen
/// arguments.
///
/// The compiler infers `Arguments`. A handler whose first argument is not a guard does not compile:
///
/// ```compile_fail,E0277
/// # use gatewright::openapi::Document;
/// async fn me(name: String) -> String { name }
///
/// fn documented(document: Document) -> Document {
///     document.handler("GET", "/me", me)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the first argument of this handler is not a guard",
    note = "put the guard first: `async fn me(user: CurrentUser, …)`, or name it with `Document::guard::<…>`"
)]
pub trait GuardedHandler<Arguments> {
    /// The type of the first argument.
    type Guard: GuardedExtractor;
}

/// Implements the trait for functions with all of these arguments, then with one fewer, and so on.
macro_rules! handlers {
    () => {};
    ($first:ident $($rest:ident)*) => {
        impl<Function, Output, $first $(, $rest)*> GuardedHandler<($first, $($rest,)*)> for Function
        where
            $first: GuardedExtractor,
            Function: Fn($first $(, $rest)*) -> Output,
        {
            type Guard = $first;
        }

        handlers!($($rest)*);
    };
}

handlers!(A B C D E F G H I J K L M N O P);
