//! Rules against invented traffic: for each family one conversation it must name, and a near miss.

mod build;
mod hints;
mod language;
mod mails;
mod others;
mod panels;
mod shipped;
mod tools;
mod tunnels;
