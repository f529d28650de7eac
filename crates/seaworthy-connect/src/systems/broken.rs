//! A system that cannot be used now: its folder is gone, say. Everything that is asked of it answers why, and whatever
//! does not need it goes on.

use seaworthy_core::capability::Capability;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;

/// A system that could not be opened.
#[derive(Debug)]
pub struct Broken {
    name: String,
    kind: &'static str,
    fault: Fault,
}

impl Broken {
    /// Stands for a system of this name and kind, which could not be opened for this reason.
    pub fn new(name: &str, kind: &'static str, fault: Fault) -> Self {
        Self { name: name.to_owned(), kind, fault }
    }

    fn fail<T: Send + 'static>(&self) -> Task<'_, Result<T, Fault>> {
        Box::pin(std::future::ready(Err(self.fault.clone())))
    }
}

impl System for Broken {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn identity(&self) -> String {
        format!("unusable:{}", self.name)
    }

    fn is_open(&self) -> bool {
        false
    }

    fn places(&self, _resource: &ResourceId) -> Vec<Place> {
        Vec::new()
    }

    fn capabilities(&self) -> Vec<Capability> {
        Vec::new()
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        self.fail()
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        self.fail()
    }

    fn observe<'a>(&'a self, _resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        self.fail()
    }

    fn prepare<'a>(
        &'a self,
        _ask: &'a Ask,
        _view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        self.fail()
    }

    fn apply<'a>(
        &'a self,
        _order: &'a Order,
        _hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(std::future::ready(Err(Trouble::Refused(self.fault.clone()))))
    }
}
