//! Keys from elsewhere: what is taken, how long it is kept, and what happens when there is none.

mod answers;
mod cache;
mod discovery;
mod file;
mod outage;
mod rotation;
mod world;
