throw new Error('at init');
