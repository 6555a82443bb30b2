%% A supervisor that is none of OTP's, as supervisor2 of RabbitMQ is: a gen_server whose module offers what supervisors do,
%% and which ends when it is asked anything.

%% Starts one that is linked to us, with a child for each `{Module, Function, Arguments}'.
start_foreign(Starts) ->
    Forms = [
        begin
            {ok, Tokens, _} = erl_scan:string(Text),
            {ok, Form} = erl_parse:parse_form(Tokens),
            Form
        end
     || Text <- [
            "-module(foreign_supervisor).",
            "-export([init/1, handle_call/3, handle_cast/2, which_children/1, start_child/2]).",
            "init(Starts) -> [{ok, _} = apply(M, F, A) || {M, F, A} <- Starts], {ok, Starts}.",
            "handle_call(Question, _, State) -> {stop, {asked, Question}, State}.",
            "handle_cast(_, State) -> {noreply, State}.",
            "which_children(Pid) -> gen_server:call(Pid, which_children).",
            "start_child(Pid, Start) -> gen_server:call(Pid, {start_child, Start})."
        ]
    ],
    {ok, Module, Code} = compile:forms(Forms),
    false = code:purge(Module),
    {module, Module} = code:load_binary(Module, "", Code),
    gen_server:start_link(Module, Starts, []).
